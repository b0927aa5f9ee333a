import type { Clock } from '../../base/clock.ts';
import type { ErrorCode } from '../../base/errors.ts';
import { formatIp, type Ip } from '../../base/ip.ts';
import { firstBits, isWithinAny } from '../../base/network.ts';
import type { EntryRules } from '../../endpoints/entry-rules.ts';
import { ClientSessions, type Seat } from './client-sessions.ts';
import { ConnectRate } from './connect-rate.ts';

export interface TurnedAway {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, string | number>>;
}

/** What one subscriber has of IPv6: whoever counts single addresses there counts nothing (RFC 6177). */
const ipv6Prefix = 64;

/** The clients of one endpoint, as far as its rules ask for them. */
export class Clients {
  readonly #clock: Clock;
  readonly #rate = new ConnectRate();
  readonly #sessions = new ClientSessions();

  constructor(clock: Clock) {
    this.#clock = clock;
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
}

/** Who is counted as one: an IPv4 address, or a /64 of IPv6. */
const clientKey = (ip: Ip): string => formatIp(ip.length === 4 ? ip : firstBits(ip, ipv6Prefix));
