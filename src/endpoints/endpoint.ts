import type { ClusterId, EndpointId, InstanceId } from '../base/brand.ts';
import type { Address } from '../cluster/instance.ts';
import type { EntryRules } from './entry-rules.ts';

export type EndpointType = 'writer' | 'reader' | 'custom' | 'instance';
export type BalanceName = 'round-robin' | 'least-connections' | 'random' | 'weighted';

/** Which instances belong to a custom endpoint, before health, role and lag are looked at. */
export type Membership =
  | { readonly kind: 'static'; readonly instances: readonly InstanceId[] }
  | { readonly kind: 'excluded'; readonly instances: readonly InstanceId[] }
  | { readonly kind: 'tags'; readonly tags: Readonly<Record<string, string>> };

/** What becomes of the TLS of an endpoint's clients. Files are PEM, with absolute paths. */
export type EndpointTls =
  /** It goes through to the servers, which end it. */
  | { readonly mode: 'passthrough' }
  /** Aurelay ends it. */
  | {
      readonly mode: 'terminate';
      readonly certificate: string;
      readonly key: string;
      /** Clients without TLS are refused. */
      readonly required: boolean;
    };

interface Common extends EntryRules {
  readonly id: EndpointId;
  readonly cluster: ClusterId;
  readonly listen: Address;
  /** The name that clients know it by, where it shares its listener with others; null: it has none. */
  readonly hostname: string | null;
  /** It takes the clients of its listener that give no name. */
  readonly default: boolean;
  /** Sessions at a time; one more gets a proper error. */
  readonly maxSessions: number;
  /** Until a server has taken the connection and answered its first message, over all candidates together. */
  readonly connectTimeoutMs: number;
  /** Until a client has said what it wants. */
  readonly handshakeTimeoutMs: number;
  /** A routed session that has carried no byte either way for so long is closed; 0: never. */
  readonly idleTimeoutMs: number;
  /** Whose connection ids MySQL clients get. Aurelay's are unique over all servers, so that a KILL hits nobody else. */
  readonly connectionIds: 'aurelay' | 'server';
  readonly tls: EndpointTls;
}

interface Balanced {
  readonly balance: BalanceName;
  /** Replicas that are further behind get no new connections; null: no limit. */
  readonly maxLagMs: number | null;
  /** Members of this zone first, while there are any. */
  readonly preferZone: string | null;
  /** Where to go when no member is left. */
  readonly fallback: 'writer' | 'none';
  /** A replica that returns from `down` reaches its full share after this long; 0: at once. */
  readonly slowStartMs: number;
}

export type Endpoint =
  | (Common & { readonly type: 'writer' })
  | (Common & Balanced & { readonly type: 'reader' })
  | (Common &
      Balanced & {
        readonly type: 'custom';
        readonly members: Membership;
        /** `replica`: the writer never serves as a member. `any`: whatever role it has. */
        readonly roles: 'replica' | 'any';
      })
  | (Common & { readonly type: 'instance'; readonly instance: InstanceId });

export type BalancedEndpoint = Extract<Endpoint, { type: 'reader' | 'custom' }>;
