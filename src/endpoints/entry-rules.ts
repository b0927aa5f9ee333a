import type { Network } from '../base/network.ts';

/** Who may come in at an endpoint, and how often. What is absent is not asked for, and costs nothing. */
export interface EntryRules {
  /** Connections from these begin with a PROXY header; those from elsewhere have none. */
  readonly acceptProxyProtocol?: readonly Network[];
  /** Only clients from these, */
  readonly allow?: readonly Network[];
  /** and none from these. */
  readonly deny?: readonly Network[];
  /** Sessions of one client address at a time. */
  readonly maxSessionsPerClient?: number;
  /** New connections a second of one client address. */
  readonly maxConnectsPerClient?: number;
}
