import type { Address } from '../cluster/instance.ts';
import type { Observation, ProbeFailure } from '../cluster/observation.ts';

/** What a server says of itself and of those that it replicates with, asked once (`aurelay init`). No secret is in it. */
export type DiscoveryResult =
  | { readonly kind: 'answered'; readonly discovery: Discovery }
  | { readonly kind: 'failed'; readonly failure: ProbeFailure };

export interface Discovery {
  /** The same at every address of one server, and at no other server's. */
  readonly identity: string;
  /** The same for all servers of a cluster, and for no other's; null where the engine has nothing of the kind (MySQL). */
  readonly lineage: string | null;
  readonly observation: Observation;
  /** What it is called, best first, as it is written there. */
  readonly names: readonly string[];
  /** By what its source may know it: `Sighting.mark`. */
  readonly marks: readonly string[];
  /** Where it replicates from, as it is told there. */
  readonly sources: readonly Address[];
  /** Whom it sees replicating from it. */
  readonly replicas: readonly Sighting[];
  /** Every member, itself included, of a group that replicates by itself (Group Replication, Galera). */
  readonly members: readonly Sighting[];
  readonly group: 'group-replication' | 'galera' | null;
  /** What it replays it replays so much later, on purpose. */
  readonly delaySeconds: number;
  /** As whom it replicates; null where it does not or does not say. */
  readonly replicationUser: string | null;
  /** Who else promotes here: a program that is connected, or the service that runs the server; null: nobody is seen. */
  readonly keeper: string | null;
  readonly missing: readonly MissingGrant[];
  /** Other things that whoever writes a configuration wants to know. Whole sentences. */
  readonly remarks: readonly string[];
}

/** A server as another one sees it. */
export interface Sighting {
  /** Where it may be, best first; empty: nothing is known. */
  readonly hosts: readonly string[];
  /** Null: unknown. A source sees from where a replica comes, and not where it listens. */
  readonly port: number | null;
  /** How it is told from others (`Discovery.marks`); null: it cannot be. */
  readonly mark: string | null;
  /** For people, and as a name; null where there is none. */
  readonly name: string | null;
  /** Commits wait for it. */
  readonly synchronous: boolean;
}

export interface MissingGrant {
  /** `discovery`: the picture may lack servers · `observe`, `automatic`: what that mode needs. */
  readonly for: 'discovery' | 'observe' | 'automatic';
  readonly sql: string;
  readonly why: string;
}
