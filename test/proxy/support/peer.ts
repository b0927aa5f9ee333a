import { connect, createServer, type Server, type Socket } from 'node:net';
import { carrierOf } from '../../../src/proxy/carrier.ts';
import { eventually } from './real-clock.ts';

/** One end of a TCP connection in a test: remembers what it was told and how the connection ended. */
export class Peer {
  readonly socket: Socket;
  /** `open` · `ended` the other side has said its last · `closed` · `reset`. */
  fate: 'open' | 'ended' | 'closed' | 'reset' = 'open';
  #chunks: Buffer[] = [];
  #reading = true;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    socket.on('end', () => {
      this.fate = 'ended';
    });
    socket.on('error', () => {
      this.fate = 'reset';
    });
    socket.on('close', () => {
      if (this.fate !== 'reset') this.fate = 'closed';
    });
  }

  get received(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  get length(): number {
    return this.#chunks.reduce((sum, { length }) => sum + length, 0);
  }

  get text(): string {
    return this.received.toString('latin1');
  }

  get isOver(): boolean {
    return this.fate === 'closed' || this.fate === 'reset' || this.fate === 'ended';
  }

  /** Breaks the connection as a crash does. */
  reset(): void {
    carrierOf(this.socket).resetAndDestroy();
  }

  send(bytes: Uint8Array | string): this {
    this.socket.write(bytes);
    return this;
  }

  stopReading(): void {
    this.#reading = false;
    this.socket.pause();
  }

  startReading(): void {
    if (!this.#reading) this.socket.resume();
    this.#reading = true;
  }

  /** Waits until what was received holds `part`. */
  async hears(part: string): Promise<void> {
    await eventually(
      () => this.text.includes(part),
      `"${part}" was received, which has ${this.text.slice(0, 200)}`,
    );
  }

  async isLeft(): Promise<void> {
    await eventually(() => this.isOver, 'the other side closed');
  }
}

export interface Pair {
  readonly near: Socket;
  readonly far: Peer;
}

/** Two ends of a fresh TCP connection: `near` as the proxy has it (paused, half-open allowed), `far` a peer. */
export async function openPair(): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const port = await listenAnywhere(server);
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const far = new Peer(connect({ host: '127.0.0.1', port, allowHalfOpen: true }));
  const near = await accepted;
  near.on('error', () => {});
  server.close();
  return { near, far };
}

export async function listenAnywhere(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has an address');
  return address.port;
}
