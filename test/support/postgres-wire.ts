import { connect, type Socket } from 'node:net';
import { serialize } from 'pg-protocol';

export interface WireMessage {
  /** A letter (manual, "Message Formats"). */
  readonly type: string;
  readonly body: Buffer;
}

/** A client that speaks PostgreSQL by hand, for what no driver does. */
export class WireClient {
  readonly socket: Socket;
  /** The complete messages that came since the last query. */
  messages: WireMessage[] = [];
  /** Resolves when the other side has ended the connection; to the error where it was broken. */
  readonly ended: Promise<Error | null>;
  #rest = Buffer.alloc(0);
  readonly #waiting = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#take(chunk);
      for (const look of this.#waiting) look();
    });
    this.ended = new Promise((resolve) => {
      socket.once('error', resolve);
      socket.once('end', () => resolve(null));
    });
  }

  /** Connected, with nothing said. */
  static open(port: number): Promise<WireClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new WireClient(socket));
      });
    });
  }

  /** Connected and let in as `postgres`, which takes no password here. */
  static async login(port: number): Promise<WireClient> {
    const client = await WireClient.open(port);
    client.socket.write(serialize.startup({ user: 'postgres', database: 'postgres' }));
    await client.until('Z');
    return client;
  }

  query(sql: string): void {
    this.messages = [];
    this.socket.write(serialize.query(sql));
  }

  /** Resolves when a message of `type` has come; rejects when the connection ends before. */
  async until(type: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!this.messages.some((message) => message.type === type)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
      this.ended.then(() => reject(new Error(`ended before a message ${type}`)));
    });
  }

  /** The fields of the first error, by their letters: `S` severity, `C` SQLSTATE, `M` message, `H` hint. */
  error(): Readonly<Record<string, string>> | null {
    const message = this.messages.find(({ type }) => type === 'E');
    if (message === undefined) return null;
    const parts = message.body
      .toString()
      .split('\0')
      .filter((part) => part !== '');
    return Object.fromEntries(parts.map((part) => [part.slice(0, 1), part.slice(1)]));
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + 5 <= this.#rest.length) {
      const end = at + 1 + this.#rest.readUInt32BE(at + 1);
      if (end > this.#rest.length) break;
      const type = String.fromCharCode(this.#rest[at] ?? 0);
      this.messages.push({ type, body: this.#rest.subarray(at + 5, end) });
      at = end;
    }
    this.#rest = this.#rest.subarray(at);
  }
}
