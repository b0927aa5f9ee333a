import { type NetConnectOpts, Socket } from 'node:net';
import pg from 'pg';
import { messageOf } from '../../base/errors.ts';
import type { Target } from '../engine.ts';
import { AnswerCheck } from './answer-check.ts';
import { AnswerBroken } from './failure.ts';
import type { StatusRow } from './status.ts';

export interface ConnectionOptions {
  readonly applicationName: string;
  /** The server gives up a statement of ours after this long, so that none outlives our interest in it. */
  readonly statementTimeoutMs: number;
}

const keepAliveAfterMs = 10_000;
/** How long a polite goodbye may take before the socket goes anyway. */
const farewellMs = 1_000;
/** As they are: the queries cast what they need to text. */
const asText = { getTypeParser: () => String };

/** The monitor's connection to one server: `pg`, with nothing taken from the environment and no way to throw aside. */
export class ServerConnection {
  /** Called once when the connection breaks, whoever waits for it or not. */
  onBroken: ((error: Error) => void) | null = null;
  readonly #socket = new CheckedSocket();
  readonly #client: pg.Client;
  #ended = false;

  constructor(target: Target, options: ConnectionOptions) {
    const { preamble } = target;
    // Before `pg` listens for the same event, and so before its first message.
    if (preamble !== undefined) this.#socket.once('connect', () => this.#socket.write(preamble));
    this.#client = new pg.Client({
      host: target.address.host,
      port: target.address.port,
      user: target.user,
      database: target.database,
      // A function, because `pg` would look for another password in PGPASSWORD and ~/.pgpass in the place of none.
      password: () => target.password ?? '',
      application_name: options.applicationName,
      statement_timeout: Math.ceil(options.statementTimeoutMs),
      options: '-c client_min_messages=error',
      ssl: false,
      sslnegotiation: 'postgres',
      keepAlive: true,
      keepAliveInitialDelayMillis: keepAliveAfterMs,
      stream: () => this.#socket,
      types: asText as unknown as pg.CustomTypesConfig,
    });
    // Each break is reported by the first listener that hears of it; these also keep `error` from being unhandled.
    this.#client.on('error', (error) => this.#broke(error));
    this.#client.on('end', () => this.#broke(new Error('Connection terminated')));
    this.#socket.on('error', () => {});
  }

  /** Where it leads, with any name resolved; of use while it is open. */
  get peer(): NetConnectOpts {
    const { remoteAddress: host, remotePort: port } = this.#socket;
    if (host !== undefined && port !== undefined) return { host, port };
    return { path: `${this.#client.host}/.s.PGSQL.${this.#client.port}` };
  }

  get isBroken(): boolean {
    return this.#ended;
  }

  async open(): Promise<void> {
    await this.#client.connect();
  }

  /** Rows with every column as text. Throws the server's error, or the connection's. */
  async query(text: string): Promise<readonly StatusRow[]> {
    const result = await this.#client.query<Record<string, string | null>>(text);
    return result.rows;
  }

  /** At once, with no goodbye: what waits for an answer is rejected. */
  destroy(): void {
    this.#ended = true;
    this.#socket.destroy();
  }

  /** With a goodbye, so that the server logs no lost connection. Waits for nothing. */
  close(): void {
    if (this.#ended) {
      this.destroy();
      return;
    }
    this.#ended = true;
    const timer = setTimeout(() => this.#socket.destroy(), farewellMs);
    timer.unref();
    this.#client.end().then(
      () => clearTimeout(timer),
      () => this.#socket.destroy(),
    );
  }

  #broke(error: Error): void {
    if (this.#ended) return;
    this.destroy();
    this.onBroken?.(error);
  }
}

/**
 * A socket that looks at what a server sends before `pg` does, and turns whatever `pg` throws while it reads into an
 * error of the connection: thrown inside a `data` event it would end the process.
 */
class CheckedSocket extends Socket {
  readonly #check = new AnswerCheck();

  override emit(event: string | symbol, ...details: unknown[]): boolean {
    if (event !== 'data') return super.emit(event as string, ...details);
    if (this.destroyed) return false;
    const fault = this.#check.push(details[0] as Uint8Array);
    if (fault !== null) {
      this.destroy(new AnswerBroken(fault.why, fault.sqlstate));
      return false;
    }
    try {
      return super.emit('data', details[0] as Buffer);
    } catch (error) {
      this.destroy(driverFault(error));
      return false;
    }
  }
}

/** `pg` throws at a login method that it does not know (GSSAPI, SSPI): the server is well, and wants another login. */
function driverFault(thrown: unknown): AnswerBroken {
  const message = messageOf(thrown);
  return new AnswerBroken(
    message,
    message.startsWith('Unknown authentication') ? invalidAuthorization : null,
  );
}

const invalidAuthorization = '28000';
