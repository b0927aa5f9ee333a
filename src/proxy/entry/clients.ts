import type { Logger } from 'pino';
import type { Clock, Instant } from '../../base/clock.ts';
import type { ErrorCode } from '../../base/errors.ts';
import { formatIp, type Ip } from '../../base/ip.ts';
import { firstBits, isWithinAny } from '../../base/network.ts';
import type { EntryRules } from '../../endpoints/entry-rules.ts';
import type { SocketEnd } from '../../proxy-protocol/header.ts';
import type { At } from '../observer.ts';
import { ClientSessions, type Seat } from './client-sessions.ts';
import { ConnectRate } from './connect-rate.ts';
import { formatEnd } from './origin.ts';

/** The errors that are about who the client is. */
export const aboutClients: ReadonlySet<ErrorCode> = new Set([
  'client_denied',
  'proxy_header',
  'too_many_client_sessions',
  'too_many_client_connects',
]);

export interface TurnedAway {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, string | number>>;
}

/** Between two lines about clients that were turned away. */
const quietMs = 1000;
/** What one subscriber has of IPv6: whoever counts single addresses there counts nothing (RFC 6177). */
const ipv6Prefix = 64;

/** The clients of one endpoint, as far as its rules ask for them. */
export class Clients {
  readonly #at: At;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #rate = new ConnectRate();
  readonly #sessions = new ClientSessions();
  #quietUntil: Instant = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  constructor(at: At, clock: Clock, logger: Logger) {
    this.#at = at;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Whether a connection from `ip` may come in now; null: it may. */
  judge(ip: Ip, { allow, deny, maxConnectsPerClient }: EntryRules): TurnedAway | null {
    const isWelcome = allow === undefined || isWithinAny(ip, allow);
    if (!isWelcome || (deny !== undefined && isWithinAny(ip, deny))) {
      return { code: 'client_denied', details: {} };
    }
    if (maxConnectsPerClient === undefined) return null;
    if (this.#rate.admit(clientKey(ip), maxConnectsPerClient, this.#clock.now())) return null;
    return { code: 'too_many_client_connects', details: { limit: maxConnectsPerClient } };
  }

  /** A place for one more session from `ip`; null where it has `most` already. */
  seat(ip: Ip, most: number): Seat | null {
    return this.#sessions.take(clientKey(ip), most);
  }

  /** Logs that a client was turned away, once a second at most; the next line tells how many had none. */
  complain(client: SocketEnd, code: ErrorCode, message: string): void {
    const now = this.#clock.now();
    if (now < this.#quietUntil) {
      this.#unlogged += 1;
      return;
    }
    const fields = { event: 'client.refused', ...this.#at, client: formatEnd(client), code };
    this.#logger.warn({ ...fields, unlogged: this.#unlogged }, message);
    this.#quietUntil = now + quietMs;
    this.#unlogged = 0;
  }
}

/** Who is counted as one: an IPv4 address, or a /64 of IPv6. */
const clientKey = (ip: Ip): string => formatIp(ip.length === 4 ? ip : firstBits(ip, ipv6Prefix));
