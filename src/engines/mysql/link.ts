import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Connection, createConnection } from 'mysql2';
import { type Address, formatAddress } from '../../cluster/instance.ts';
import { type ShownTls, shownTls } from '../../tls/shown-tls.ts';
import { TlsFailed } from '../../tls/tls-failed.ts';
import type { Target } from '../engine.ts';
import { sharedLookup } from '../shared-lookup.ts';
import type { Results, Row, Statement } from './dialects/dialect.ts';
import { GreetingRefused, ProtocolFailed } from './failure.ts';
import type { Greeting } from './greeting.ts';
import { MysqlServerOpening } from './handshake.ts';
import { parseServerVersion, type ServerVersion } from './server-version.ts';

/** A connection of the monitor user, with what its server said in its greeting. */
export interface Link {
  readonly version: ServerVersion;
  /** The number of this connection in the server's process list. */
  readonly connectionId: number;
  /** What the server showed of TLS; null: the connection is in plain. */
  readonly shownTls: ShownTls | null;
  /** Called once when the connection breaks, unless `destroy` was called first. */
  onLost: ((reason: Error) => void) | null;
  /** Runs one statement, or several with `;` between them; one list of rows for each. */
  query(statement: string | Statement): Promise<Results>;
  /** At once; what is under way fails. */
  destroy(): void;
}

/**
 * The schema that every connection of Aurelay's is in. `fence` tells them by it from those of a client that logs in
 * as the same user, on servers without connection attributes too (MariaDB has them off unless told otherwise).
 */
export const monitorSchema = 'information_schema';

/**
 * Connects and logs in, in TLS as the target wants it. Fails as soon as `signal` is aborted, and leaves no socket
 * behind. `programName` shows in the server's list of connection attributes.
 */
export async function openLink(target: Target, programName: string, signal: AbortSignal): Promise<Link> {
  const { tls } = target;
  const greeted = await greet(target, signal);
  const { offersTls } = greeted.greeting;
  if (tls.isRequired && !offersTls) {
    greeted.socket.destroy();
    throw tls.declined();
  }
  try {
    return await logIn(target, programName, greeted, offersTls && tls.mode !== 'disable', signal);
  } catch (error) {
    if (tls.mode !== 'prefer' || !(error instanceof TlsFailed)) throw error;
    // A server whose TLS version this OpenSSL rejects is still worth watching; whoever could force this could as well
    // have taken the offer of TLS out of the greeting.
    const again = async () => logIn(target, programName, await greet(target, signal), false, signal);
    return await again().catch((plainError: unknown) => {
      throw error.andThen(plainError);
    });
  }
}

interface Greeted {
  readonly socket: Socket;
  readonly greeting: Greeting;
  readonly version: ServerVersion;
}

/**
 * Connects, and reads the greeting before the driver does: the driver has no limit on what it waits for, and takes
 * the first bytes of an HTTP server for the header of a packet of five megabytes.
 */
function greet({ address, preamble }: Target, signal: AbortSignal): Promise<Greeted> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortedError(address));
    const socket = connect({
      host: address.host,
      port: address.port,
      lookup: sharedLookup,
      noDelay: true,
      keepAlive: true,
    });
    if (preamble !== undefined) socket.write(preamble);
    const opening = new MysqlServerOpening();
    const settle = (end: () => void): void => {
      socket.off('data', onData).off('error', fail).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      end();
    };
    const fail = (error: Error): void => {
      settle(() => reject(error));
      socket.destroy();
    };
    const onClose = (): void => fail(lostError('the server closed the connection before it greeted'));
    const onAbort = (): void => fail(abortedError(address));
    const onData = (chunk: Buffer): void => {
      try {
        const greeting = readOpening(opening, chunk, address);
        if (greeting === null) return;
        settle(() => resolve({ socket, ...greeting }));
        // The driver gets to read the greeting too.
        socket.pause().unshift(Buffer.from(greeting.bytes));
      } catch (error) {
        fail(error as Error);
      }
    };
    // An error that nobody listens to would end the process, at any time in the socket's life.
    socket.on('error', ignore);
    socket.on('data', onData).on('error', fail).on('close', onClose);
    signal.addEventListener('abort', onAbort);
  });
}

const ignore = (): void => {};

function readOpening(
  opening: MysqlServerOpening,
  chunk: Uint8Array,
  address: Address,
): { greeting: Greeting; version: ServerVersion; bytes: Uint8Array } | null {
  const event = opening.push(chunk);
  switch (event.kind) {
    case 'need-more':
      return null;
    case 'refused':
      throw new GreetingRefused(Number(event.code), event.message);
    case 'malformed':
      throw new ProtocolFailed(`${formatAddress(address)}: ${event.why}`);
    default: {
      const { greeting } = opening;
      const version = greeting === null ? null : parseServerVersion(greeting.serverVersion);
      if (greeting === null || version === null) {
        throw new ProtocolFailed(
          `${formatAddress(address)}: the greeting names no version of MySQL or MariaDB`,
        );
      }
      return { greeting, version, bytes: event.bytes };
    }
  }
}

function logIn(
  target: Target,
  programName: string,
  { socket, version }: Greeted,
  tls: boolean,
  signal: AbortSignal,
): Promise<Link> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      socket.destroy();
      return reject(abortedError(target.address));
    }
    const connection = createConnection({
      stream: socket,
      host: target.address.host,
      port: target.address.port,
      user: target.user,
      ...(target.password === null ? {} : { password: target.password }),
      database: monitorSchema,
      connectTimeout: 0,
      multipleStatements: true,
      charset: 'utf8mb4',
      // Every value as the text that the server sent: no dates, no numbers that lose digits.
      typeCast: (field) => field.string(),
      connectAttributes: { program_name: programName },
      ...(tls ? { ssl: onlyToBeAskedFor } : {}),
    });
    const link = new DriverLink(connection, socket, version, target);
    const settle = (end: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      link.onLost = null;
      end();
    };
    const fail = (error: Error): void => {
      settle(() => reject(error));
      link.destroy();
    };
    const onAbort = (): void => fail(abortedError(target.address));
    link.onLost = fail;
    connection.once('connect', () => {
      // The driver would have to change for it; then it must not go unnoticed.
      if (tls && !link.isSecured) return fail(new Error('the driver went on without TLS'));
      settle(() => resolve(link));
    });
    signal.addEventListener('abort', onAbort);
    socket.resume();
  });
}

/** Makes the driver ask the server for TLS; the handshake is not the driver's (`takeOverHandshake`). */
const onlyToBeAskedFor = { rejectUnauthorized: true };

/** For the driver to tell of a closed socket by itself. */
const lastChanceMs = 100;

class DriverLink implements Link {
  onLost: ((reason: Error) => void) | null = null;
  isSecured = false;
  private isUnheard = false;
  readonly version: ServerVersion;
  private readonly connection: Connection;
  private readonly target: Target;
  private socket: Socket;
  private over = false;
  /** Rejects each query that has no answer yet. */
  private readonly waiting = new Set<(reason: Error) => void>();

  constructor(connection: Connection, socket: Socket, version: ServerVersion, target: Target) {
    this.connection = connection;
    this.socket = socket;
    this.version = version;
    this.target = target;
    this.takeOverHandshake(connection as unknown as DriverInside);
    connection.on('error', (error: Error) => this.lose(error));
    socket.on('close', () => this.lose(lostError('the server closed the connection')));
  }

  get connectionId(): number {
    return this.connection.threadId ?? 0;
  }

  get shownTls(): ShownTls | null {
    const { tls, address } = this.target;
    return shownTls(this.socket, (certificate) => tls.nameFault(address.host, certificate));
  }

  async query(statement: string | Statement): Promise<Results> {
    const { sql, values } = typeof statement === 'string' ? { sql: statement, values: [] } : statement;
    const [results] = await this.orGivenUp(this.connection.promise().query(sql, [...values]));
    return asLists(results);
  }

  destroy(): void {
    this.over = true;
    // Not the connection's own `destroy`, which would leave the promise of a query under way open for ever.
    this.socket.destroy();
    this.giveUpSoon();
  }

  /** The driver forgets a query for good where a server answers it with what is no answer. */
  private orGivenUp<Value>(answer: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.waiting.add(reject);
      const settled = () => this.waiting.delete(reject);
      answer.then(resolve, reject).finally(settled);
      if (this.over) this.giveUpSoon();
    });
  }

  /** Not at once: the driver may know better why. */
  private giveUpSoon(): void {
    setTimeout(() => {
      for (const reject of this.waiting) reject(lostError('the connection was closed before an answer came'));
    }, lastChanceMs);
  }

  /**
   * The driver's own handshake would look for `localhost` in the certificate of a server that is reached by IP address,
   * and skips its look where it resumes an earlier session.
   */
  private takeOverHandshake(driver: DriverInside): void {
    driver.startTLS = (onSecure) => {
      const { tls, address } = this.target;
      this.socket.removeAllListeners('data');
      const secured = connectTls({ ...tls.connectionOptions(address.host), socket: this.socket });
      this.socket = secured;
      driver.stream = secured;
      secured.on('error', (error) => this.lose(error));
      secured.on('close', () => this.lose(lostError('the server closed the connection')));
      secured.once('secureConnect', () => {
        this.isSecured = true;
        this.isUnheard = true;
        secured.on('data', (chunk: Buffer) => {
          this.isUnheard = false;
          driver.packetParser.execute(chunk);
        });
        onSecure();
      });
    };
  }

  private lose(reason: Error): void {
    if (this.over) return;
    this.destroy();
    this.onLost?.(this.target.tls.explain(reason, this.target.address.host, this.isUnheard) as Error);
  }
}

/** What the driver calls when the server agreed to TLS, and what it works with afterwards. */
interface DriverInside {
  startTLS: (onSecure: () => void) => void;
  stream: Socket;
  readonly packetParser: { execute(chunk: Buffer): void };
}

/** The driver gives one result bare and several in a list; a statement without rows has a header in place of them. */
function asLists(results: unknown): Results {
  if (!Array.isArray(results)) return [[]];
  const isOneResult =
    results.length === 0 || !results.some((result) => Array.isArray(result) || isHeader(result));
  const each: readonly unknown[] = isOneResult ? [results] : results;
  return each.map((result) => (Array.isArray(result) ? (result as Row[]) : []));
}

const isHeader = (result: unknown): boolean =>
  (result as { constructor?: { name?: string } } | null)?.constructor?.name === 'ResultSetHeader';

function lostError(message: string): Error {
  return Object.assign(new Error(message), { code: 'PROTOCOL_CONNECTION_LOST' });
}

function abortedError(address: Address): Error {
  return Object.assign(new Error(`${formatAddress(address)} did not answer in time`), { code: 'ETIMEDOUT' });
}
