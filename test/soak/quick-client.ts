import { connect, type Socket } from 'node:net';

/**
 * A client that costs next to nothing, so that thousands of them can knock within a second: it logs in without a
 * password, says one statement, and leaves.
 */
export interface Refusal {
  /** SQLSTATE, MySQL's error number, or the system's code. */
  readonly code: string;
  readonly message: string;
}

export interface QuickClient {
  /** The login is done. */
  readonly onConnected: () => void;
  /** The statement was answered, or something went wrong. Called once. */
  readonly onOver: (refusal: Refusal | null) => void;
}

interface Words {
  /** What the client says first; MySQL's has to be asked. */
  readonly opening: Buffer | null;
  /** What there is to say to what was heard so far; null: more has to come. */
  hear(heard: Buffer, step: Step): Reply | null;
  readonly goodbye: Buffer;
}

type Step = 'login' | 'statement';
type Reply =
  | { readonly kind: 'say'; readonly words: Buffer }
  | { readonly kind: 'next' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export function visitQuickly(family: 'pg' | 'mysql', port: number, client: QuickClient): void {
  const words = family === 'pg' ? postgres : mysql;
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  let step: Step = 'login';
  let heard = Buffer.alloc(0);
  let isOver = false;
  const finish = (refusal: Refusal | null) => {
    if (isOver) return;
    isOver = true;
    client.onOver(refusal);
  };
  socket.on('error', (error: NodeJS.ErrnoException) =>
    finish({ code: error.code ?? 'unknown', message: error.message }),
  );
  socket.once('close', () => finish({ code: 'closed', message: 'closed without a word' }));
  socket.on('data', (chunk: Buffer) => {
    heard = Buffer.concat([heard, chunk]);
    const reply = words.hear(heard, step);
    if (reply === null) return;
    heard = Buffer.alloc(0);
    if (reply.kind === 'say') socket.write(reply.words);
    else if (reply.kind === 'refused') leave(socket, () => finish(reply.refusal));
    else if (step === 'login') {
      client.onConnected();
      step = 'statement';
      socket.write(statement(family));
    } else leave(socket, () => finish(null), words.goodbye);
  });
  if (words.opening !== null) socket.write(words.opening);
}

function leave(socket: Socket, finish: () => void, goodbye: Buffer = Buffer.alloc(0)): void {
  finish();
  socket.end(goodbye);
}

const statement = (family: 'pg' | 'mysql'): Buffer =>
  family === 'pg' ? message('Q', Buffer.from('SELECT 1\0')) : packet(0, Buffer.from('\x03DO 1'));

// ---- PostgreSQL (manual, "Message Formats") ----

const message = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};

const startup = (): Buffer => {
  const bytes = Buffer.concat([Buffer.alloc(8), Buffer.from('user\0postgres\0database\0postgres\0\0')]);
  bytes.writeInt32BE(bytes.length, 0);
  bytes.writeInt32BE(196_608, 4);
  return bytes;
};

const postgres: Words = {
  opening: startup(),
  goodbye: message('X', Buffer.alloc(0)),
  hear(heard) {
    if (heard.at(0) === 'E'.charCodeAt(0)) {
      const [, code = 'unknown', text = ''] = /\0C([0-9A-Z]{5})\0M([^\0]*)/.exec(heard.toString()) ?? [];
      return { kind: 'refused', refusal: { code, message: text } };
    }
    // ReadyForQuery, idle.
    return heard.at(-6) === 'Z'.charCodeAt(0) ? { kind: 'next' } : null;
  },
};

// ---- MySQL (Client/Server Protocol, "Connection Phase Packets") ----

const packet = (sequence: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  head.writeUInt8(sequence, 3);
  return Buffer.concat([head, payload]);
};

/** LONG_PASSWORD, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION. */
const capabilities = 0x1 | 0x200 | 0x2000 | 0x8000;

const login = (): Buffer => {
  const head = Buffer.alloc(32);
  head.writeUInt32LE(capabilities, 0);
  head.writeUInt32LE(1 << 24, 4);
  head.writeUInt8(45, 8);
  return packet(1, Buffer.concat([head, Buffer.from('root\0\0')]));
};

const mysql: Words = {
  opening: null,
  goodbye: packet(0, Buffer.from('\x01')),
  hear(heard) {
    if (heard.length < 5 || heard.length < 4 + heard.readUIntLE(0, 3)) return null;
    const sequence = heard.readUInt8(3);
    switch (heard.at(4)) {
      case 0x0a:
        return { kind: 'say', words: login() };
      case 0xfe:
        // AuthSwitchRequest: whatever the method, no password is an empty answer.
        return { kind: 'say', words: packet(sequence + 1, Buffer.alloc(0)) };
      case 0xff: {
        const refusal = { code: String(heard.readUInt16LE(5)), message: heard.toString('utf8', 7) };
        return { kind: 'refused', refusal };
      }
      default:
        return { kind: 'next' };
    }
  },
};
