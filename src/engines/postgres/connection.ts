import { connect, type NetConnectOpts, type Socket } from 'node:net';
import pg from 'pg';
import { assert, unreachable } from '../../base/assert.ts';
import { messageOf } from '../../base/errors.ts';
import { type ShownTls, shownTls } from '../../tls/shown-tls.ts';
import { TlsFailed } from '../../tls/tls-failed.ts';
import type { Target } from '../engine.ts';
import { sharedLookup } from '../shared-lookup.ts';
import { AnswerCheck } from './answer-check.ts';
import { AnswerBroken } from './failure.ts';
import type { StatusRow } from './status.ts';
import { upgradeToTls } from './upgrade-to-tls.ts';

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

/**
 * The monitor's connection to one server: `pg`, with nothing taken from the environment and no way to throw aside, on a
 * socket that is connected and, where the target wants it, in TLS before `pg` gets it.
 */
export class ServerConnection {
  /** Called once when the connection breaks, whoever waits for it or not. */
  onBroken: ((error: Error) => void) | null = null;
  readonly #target: Target;
  readonly #options: ConnectionOptions;
  readonly #abort = new AbortController();
  #socket: Socket | null = null;
  #client: pg.Client | null = null;
  #ended = false;

  constructor(target: Target, options: ConnectionOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** Where it leads, with any name resolved; of use while it is open. */
  get peer(): NetConnectOpts {
    const { remoteAddress: host, remotePort: port } = this.#socket ?? {};
    if (host !== undefined && port !== undefined) return { host, port };
    return addressOf(this.#target);
  }

  /** What the server showed of TLS, while the connection is open; null: it is in plain. */
  get shownTls(): ShownTls | null {
    const { tls, address } = this.#target;
    return shownTls(this.#socket, (certificate) => tls.nameFault(address.host, certificate));
  }

  get isBroken(): boolean {
    return this.#ended;
  }

  /** `prefer` does as libpq does: in plain where TLS fails, or where the server lets nobody in who comes in TLS. */
  async open(): Promise<void> {
    const { tls } = this.#target;
    const inTls = tls.mode !== 'disable' && !isSocketFolder(this.#target);
    try {
      await this.#attempt(inTls);
    } catch (error) {
      const mayBePlain = inTls && tls.mode === 'prefer' && !this.#ended;
      if (!mayBePlain || !(error instanceof TlsFailed || isShutOut(error))) throw error;
      await this.#attempt(false).catch((plainError: unknown) => {
        throw error instanceof TlsFailed ? error.andThen(plainError) : plainError;
      });
    }
  }

  async #attempt(inTls: boolean): Promise<void> {
    let isUnheard = false;
    try {
      const plain = await this.#connect();
      const stream = inTls ? await this.#secure(plain) : plain;
      this.#socket = stream;
      isUnheard = stream !== plain;
      stream.once('data', () => {
        isUnheard = false;
      });
      await this.#logIn(stream);
    } catch (error) {
      this.#socket?.destroy();
      throw this.#target.tls.explain(error, this.#target.address.host, isUnheard);
    }
  }

  #connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(terminated());
      const socket = connect(addressOf(this.#target));
      this.#socket = socket;
      socket.on('error', () => {});
      socket.once('connect', () => {
        const { preamble } = this.#target;
        if (preamble !== undefined) socket.write(preamble);
        resolve(socket);
      });
      socket.once('error', reject);
      socket.once('close', () => reject(terminated()));
    });
  }

  async #secure(plain: Socket): Promise<Socket> {
    const { tls, address } = this.#target;
    const upgrade = await upgradeToTls(plain, tls, address.host, this.#abort.signal);
    switch (upgrade.kind) {
      case 'secured':
        return upgrade.socket;
      case 'plain':
        return plain.resume();
      default:
        return unreachable(upgrade);
    }
  }

  async #logIn(stream: Socket): Promise<void> {
    const { address, user, database, password } = this.#target;
    const client = new pg.Client({
      host: address.host,
      port: address.port,
      user,
      database,
      // A function, because `pg` would look for another password in PGPASSWORD and ~/.pgpass in the place of none.
      password: () => password ?? '',
      application_name: this.#options.applicationName,
      statement_timeout: Math.ceil(this.#options.statementTimeoutMs),
      options: '-c client_min_messages=error',
      ssl: false,
      sslnegotiation: 'postgres',
      keepAlive: true,
      keepAliveInitialDelayMillis: keepAliveAfterMs,
      stream: () => checked(stream),
      types: asText as unknown as pg.CustomTypesConfig,
    });
    // Each break is reported by the first listener that hears of it; these also keep `error` from being unhandled.
    client.on('error', (error) => this.#broke(client, error));
    client.on('end', () => this.#broke(client, terminated()));
    await client.connect();
    if (this.#ended) throw terminated();
    this.#client = client;
  }

  /** Rows with every column as text. Throws the server's error, or the connection's. */
  async query(text: string): Promise<readonly StatusRow[]> {
    assert(this.#client !== null, 'a connection is opened before it is asked');
    const result = await this.#client.query<Record<string, string | null>>(text);
    return result.rows;
  }

  /** At once, with no goodbye: what waits for an answer is rejected. */
  destroy(): void {
    this.#ended = true;
    this.#abort.abort();
    this.#socket?.destroy();
  }

  /** With a goodbye, so that the server logs no lost connection. Waits for nothing. */
  close(): void {
    if (this.#ended || this.#client === null) {
      this.destroy();
      return;
    }
    this.#ended = true;
    const timer = setTimeout(() => this.#socket?.destroy(), farewellMs);
    timer.unref();
    this.#client.end().then(
      () => clearTimeout(timer),
      () => this.#socket?.destroy(),
    );
  }

  #broke(client: pg.Client, error: Error): void {
    // While it is being opened, whoever opens it hears of it.
    if (this.#ended || client !== this.#client) return;
    this.destroy();
    this.onBroken?.(this.#target.tls.explain(error, this.#target.address.host) as Error);
  }
}

const terminated = (): Error => new Error('Connection terminated');

/** As libpq: a host that begins with a slash is a folder of sockets, where there is no TLS. */
const isSocketFolder = ({ address }: Target): boolean => address.host.startsWith('/');

function addressOf(target: Target): NetConnectOpts {
  const { host, port } = target.address;
  return isSocketFolder(target) ? { path: `${host}/.s.PGSQL.${port}` } : { host, port, lookup: sharedLookup };
}

/** No line of pg_hba.conf lets this user in from here over TLS; one for `hostnossl` may. */
const isShutOut = (thrown: unknown): boolean =>
  (thrown as { code?: unknown } | null)?.code === invalidAuthorization;

/**
 * A connected socket that looks at what a server sends before `pg` does, and turns whatever `pg` throws while it reads
 * into an error of the connection: thrown inside a `data` event it would end the process.
 */
function checked(socket: Socket): Socket {
  const check = new AnswerCheck();
  const emit = socket.emit.bind(socket) as Emit;
  const emitChecked: Emit = (event, ...details) => {
    if (event !== 'data') return emit(event, ...details);
    if (socket.destroyed) return false;
    const fault = check.push(details[0] as Uint8Array);
    if (fault !== null) {
      socket.destroy(new AnswerBroken(fault.why, fault.sqlstate));
      return false;
    }
    try {
      return emit('data', details[0]);
    } catch (error) {
      socket.destroy(driverFault(error));
      return false;
    }
  };
  // `pg` connects what it is given, and waits for that.
  const connectAgain = (): Socket => {
    setImmediate(() => emit('connect'));
    return socket;
  };
  return Object.assign(socket, { emit: emitChecked, connect: connectAgain });
}

type Emit = (event: string | symbol, ...details: unknown[]) => boolean;

/** `pg` throws at a login method that it does not know (GSSAPI, SSPI): the server is well, and wants another login. */
function driverFault(thrown: unknown): AnswerBroken {
  const message = messageOf(thrown);
  return new AnswerBroken(
    message,
    message.startsWith('Unknown authentication') ? invalidAuthorization : null,
  );
}

const invalidAuthorization = '28000';
