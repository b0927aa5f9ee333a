import { createServer, type Server } from 'node:net';
import { StartupOpening } from '../../../src/engines/postgres/startup.ts';
import { listenAnywhere, Peer } from './peer.ts';
import { authenticationOk, fatal, parameterStatus } from './postgres-wire.ts';

/**
 * What a scripted server does with a connection. `serve` takes the session and echoes, after a while if asked to · `freeze` says nothing ·
 * `error` answers a startup with an error · `close` closes without a word · `garbage` answers with nonsense.
 */
export type Manner =
  | { readonly kind: 'serve'; readonly afterMs?: number }
  | { readonly kind: 'freeze' }
  | { readonly kind: 'error'; readonly code: string; readonly text: string }
  | { readonly kind: 'close' }
  | { readonly kind: 'garbage' };

/** A server that speaks the start of a protocol, and notes what it was asked. */
export class ScriptedServer {
  readonly name: string;
  manner: Manner = { kind: 'serve' };
  /** Connections that were opened, and those of them that are open. */
  accepted = 0;
  /** Startups that were answered with a session. */
  answered = 0;
  readonly open = new Set<Peer>();
  readonly startups: Peer[] = [];
  readonly upgrades: Peer[] = [];
  cancels: Buffer[] = [];
  /** Grants TLS, and echoes what it is sent then: it never looks into it. */
  takesTls = false;
  /** Whether a cancel request is dealt with (its connection is closed). */
  answersCancels = true;
  /** Called when a startup message was read, before it is answered. */
  onStartup: () => void = () => {};
  /** Called when a connection was accepted. */
  onAccept: () => void = () => {};
  port = 0;
  #server: Server;

  private constructor(name: string, greet: (server: ScriptedServer, peer: Peer) => void) {
    this.name = name;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const peer = new Peer(socket);
      this.accepted += 1;
      this.open.add(peer);
      socket.on('close', () => this.open.delete(peer));
      this.onAccept();
      greet(this, peer);
    });
  }

  static async postgres(name: string): Promise<ScriptedServer> {
    return new ScriptedServer(name, greetPostgres).#listen();
  }

  static async mysql(name: string): Promise<ScriptedServer> {
    return new ScriptedServer(name, greetMysql).#listen();
  }

  /** Nothing listens on its port any more; open connections are reset. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const peer of this.open) peer.socket.resetAndDestroy();
    await closed;
  }

  /** Listens on its old port again. */
  async restart(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, '127.0.0.1', resolve));
  }

  async #listen(): Promise<this> {
    this.port = await listenAnywhere(this.#server);
    return this;
  }
}

function greetPostgres(server: ScriptedServer, peer: Peer): void {
  const decoder = new StartupOpening();
  const { socket } = peer;
  let begun = false;
  let unanswered = false;
  socket.on('end', () => {
    if (!unanswered) socket.end();
  });
  if (server.manner.kind === 'close') socket.end();
  socket.on('data', (chunk: Buffer) => {
    if (begun) {
      socket.write(Buffer.concat([Buffer.from(`${server.name} heard `), chunk]));
      return;
    }
    const event = decoder.push(chunk);
    if (event.kind === 'cancel') {
      server.cancels.push(Buffer.from(event.bytes));
      unanswered = !server.answersCancels;
      if (server.answersCancels) socket.end();
    } else if (event.kind === 'request' && event.request.kind === 'startup') {
      begun = true;
      server.startups.push(peer);
      server.onStartup();
      answerStartup(server, peer);
    } else if (event.kind === 'request') {
      server.upgrades.push(peer);
      if (server.takesTls && event.request.kind !== 'gss') {
        begun = true;
        const isDirect = event.request.kind === 'direct-tls';
        const greeting = Buffer.concat([
          Buffer.of(0x16),
          Buffer.from(`${server.name} heard `),
          event.request.bytes,
        ]);
        socket.write(isDirect ? greeting : 'S');
      } else if (server.manner.kind !== 'freeze') socket.write('N');
    }
  });
}

function answerStartup(server: ScriptedServer, { socket }: Peer): void {
  const { manner, name } = server;
  if (manner.kind === 'serve') {
    const welcome = () => {
      server.answered += 1;
      socket.write(Buffer.concat([authenticationOk, parameterStatus('server', name)]));
    };
    if (manner.afterMs === undefined) welcome();
    else setTimeout(welcome, manner.afterMs);
  }
  if (manner.kind === 'error') socket.end(fatal(manner.code, manner.text));
  if (manner.kind === 'garbage') socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
}

function greetMysql(server: ScriptedServer, { socket }: Peer): void {
  const { manner, name } = server;
  socket.on('end', () => socket.end());
  if (manner.kind === 'serve') socket.write(mysqlGreeting(name));
  if (manner.kind === 'error') socket.end(mysqlError(Number(manner.code), manner.text));
  if (manner.kind === 'close') socket.end();
  if (manner.kind === 'garbage') socket.write('SSH-2.0-OpenSSH_9.2\r\n');
  socket.on('data', (chunk: Buffer) => socket.write(Buffer.concat([Buffer.from(`${name} heard `), chunk])));
}

const packet = (payload: Buffer): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  return Buffer.concat([head, payload]);
};

/** HandshakeV10 with the server's name as its version. */
const mysqlGreeting = (name: string): Buffer =>
  packet(Buffer.concat([Buffer.from([10]), Buffer.from(`${name}\0`), Buffer.alloc(40, 1)]));

const mysqlError = (errno: number, text: string): Buffer => {
  const head = Buffer.alloc(3);
  head.writeUInt8(0xff, 0);
  head.writeUInt16LE(errno, 1);
  return packet(Buffer.concat([head, Buffer.from(text)]));
};
