import type { Contestant, EngineName, ServerPorts } from './contestant.ts';

/** What every measure may use. */
export interface Ground {
  readonly servers: ServerPorts;
  /** For files of this run; removed at its end. */
  readonly folder: string;
  /** How long a load runs. */
  readonly seconds: number;
  /** Of each bulk copy. */
  readonly bulkMegabytes: number;
  /** How many idle sessions the largest crowd has. */
  readonly idleSessions: number;
}

/** One figure of one run of a load. */
export interface Figure {
  readonly figure: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly value: number;
}

/** One load, and what is read off it. */
export interface Load {
  /** Unique: the name in tables. */
  readonly name: string;
  readonly engine: EngineName;
  /** Whether it makes sense for this contestant. */
  suits(contestant: Contestant): boolean;
  /** Once before all rounds. */
  prepare?(ground: Ground): Promise<void>;
  /** Once for each contestant before all rounds: what a process that has run for a minute has behind it. */
  warmUp?(contestant: Contestant, ground: Ground): Promise<void>;
  run(contestant: Contestant, ground: Ground): Promise<readonly Figure[]>;
}

/** What `--only` names: loads that measure one thing. */
export interface Measure {
  readonly name: string;
  readonly loads: readonly Load[];
}
