import type { Logger } from 'pino';
import type { InstanceId } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import type { Prng } from '../base/prng.ts';
import type { ClusterView } from '../cluster/view.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { PolicyState } from '../endpoints/policies/policy.ts';
import type { ServerLimits } from '../endpoints/server-limits.ts';
import type { EngineName, Protocol } from '../engines/engine.ts';
import type { DialPacer } from './dial-pacer.ts';
import type { Clients } from './entry/clients.ts';
import type { HoldQueue } from './hold-queue.ts';
import type { KillDesk } from './kill/kill-desk.ts';
import type { SessionNumbers } from './kill/session-numbers.ts';
import type { At, ProxyObserver } from './observer.ts';
import type { Registry } from './registry.ts';
import type { Relay } from './relay/relay.ts';
import type { Session } from './session.ts';
import type { Termination } from './termination.ts';

/** Limits of `failover` that new connections are subject to. */
export interface HoldLimits {
  readonly holdMs: number;
  readonly maxHeld: number;
}

/** All that the sessions of one endpoint share. */
export interface EndpointContext {
  readonly at: At;
  readonly engine: EngineName;
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly observer: ProxyObserver;
  readonly relay: Relay;
  /** Of connections to servers, as configured last. */
  readonly keepaliveMs: number;
  readonly clients: Clients;
  readonly registry: Registry<Session>;
  /** The same two for all. */
  readonly numbers: SessionNumbers;
  readonly killDesk: KillDesk;
  /** One for all. */
  readonly pacer: DialPacer;
  /** One for all writer endpoints of the cluster. */
  readonly holdQueue: HoldQueue;
  /** Sessions of the cluster that have a server but are not routed: a new view may send them elsewhere. */
  readonly unsettled: Set<Session>;
  /** As configured last. */
  endpoint: Endpoint;
  /** How it ends its clients' TLS; null: that passes through. */
  termination: Termination | null;
  balancing: PolicyState;
  /** No new sessions: Aurelay shuts down, or the endpoint was removed. */
  closing: boolean;
  view(): ClusterView;
  limits(): HoldLimits;
  serverLimits(instance: InstanceId): ServerLimits;
  reportDialFailure(instance: InstanceId, detail: string): void;
  /** The client's socket is closed and nothing of the session is left. */
  onGone(session: Session): void;
}
