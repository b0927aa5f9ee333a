import type { ClusterId, InstanceId } from '../base/brand.ts';
import type { Address, Instance } from '../cluster/instance.ts';
import { isReachedAt } from '../cluster/instance.ts';
import type { Observation } from '../cluster/observation.ts';
import type { PositionOrder } from '../cluster/position.ts';
import type { ClusterConfig, Config } from '../config/config.ts';
import type { MysqlFacts, PostgresFacts, ServerFacts, Survey } from '../engines/survey.ts';

/** What rules look at: the configuration, and what was found out about this machine and the servers. */

/** This machine, as far as Aurelay needs it. */
export interface MachineSubject {
  readonly config: Config;
  /** The configuration that Aurelay runs with answered at the admin address. */
  readonly isRunning: boolean;
  readonly listeners: readonly ListenerFacts[];
  /** Null: none is configured. */
  readonly stateDir: StateDirFacts | null;
  readonly openFiles: { readonly allowed: number | null; readonly needed: number };
  readonly certificates: readonly CertificateFacts[];
  /** Milliseconds since 1970-01-01 UTC. */
  readonly now: number;
}

export interface ListenerFacts {
  /** `endpoint writer`, `the admin API`. */
  readonly what: string;
  readonly cluster: ClusterId | null;
  readonly address: Address;
  /** `ours`: a running Aurelay with this configuration has it. */
  readonly state: 'free' | 'ours' | 'taken' | 'not-here' | 'not-allowed' | 'unknown-host';
}

export interface StateDirFacts {
  readonly path: string;
  /** Why it cannot be written to; null: it can. */
  readonly trouble: string | null;
  /** `tmpfs`, … where what is kept there does not last; null: it may be any disk. */
  readonly passing: string | null;
  /** Null where the system does not say. */
  readonly freeBytes: number | null;
}

export interface CertificateFacts {
  readonly file: string;
  readonly cluster: ClusterId | null;
  /** `endpoint writer`, `the admin API`, `server_tls`. */
  readonly what: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly expiresAt: number;
}

export interface ClusterSubject {
  readonly cluster: ClusterConfig;
  readonly positions: PositionOrder;
  readonly instances: readonly InstanceSubject[];
  readonly now: number;
}

/** One instance, whether it answered or not. */
export interface InstanceSubject {
  readonly of: ClusterSubject;
  readonly instance: Instance;
  readonly survey: Survey;
  /** What its host resolves to here; empty where it does not, or is an address itself. */
  readonly resolved: readonly string[];
  /** Of a server that takes writes: what it said after all the others had been asked. */
  readonly later: Observation | null;
}

/** One that answered. */
export interface ServerSubject<Facts extends ServerFacts = ServerFacts> extends InstanceSubject {
  readonly facts: Facts;
}

export type PostgresSubject = ServerSubject<PostgresFacts>;
export type MysqlSubject = ServerSubject<MysqlFacts>;

/** Those that answered. */
export const serversOf = ({ instances }: ClusterSubject): readonly ServerSubject[] =>
  instances.flatMap((one): readonly ServerSubject[] =>
    one.survey.kind === 'answered' ? [{ ...one, facts: one.survey.facts }] : [],
  );

export const postgresOf = (cluster: ClusterSubject): readonly PostgresSubject[] =>
  serversOf(cluster).filter((one): one is PostgresSubject => one.facts.engine === 'postgres');

export const mysqlOf = (cluster: ClusterSubject): readonly MysqlSubject[] =>
  serversOf(cluster).filter((one): one is MysqlSubject => one.facts.engine === 'mysql');

export const writersOf = (cluster: ClusterSubject): readonly ServerSubject[] =>
  serversOf(cluster).filter(({ facts }) => facts.observation.role === 'writer');

/** The one writer; null where there is none, or more than one. */
export function writerOf(cluster: ClusterSubject): ServerSubject | null {
  const [first, second] = writersOf(cluster);
  return first !== undefined && second === undefined ? first : null;
}

export const isReplica = ({ facts }: ServerSubject): boolean => facts.observation.role === 'replica';

export const isAutomatic = ({ cluster }: ClusterSubject): boolean => cluster.failover.mode === 'automatic';

export const others = ({ of, instance }: InstanceSubject): readonly InstanceSubject[] =>
  of.instances.filter((one) => one.instance.id !== instance.id);

/** It could become the writer: every instance, but for those that quorum durability leaves out. */
export const mayBePromoted = ({ of, instance }: InstanceSubject): boolean =>
  of.cluster.durability === null || instance.copy;

/** The configured instance that `address` leads to, by its name or by what that resolves to; null: none. */
export function instanceAt(cluster: ClusterSubject, address: Address): InstanceSubject | null {
  const named = cluster.instances.find(({ instance }) => isReachedAt(instance, address));
  const resolved = cluster.instances.find(
    ({ instance, resolved: to }) => instance.address.port === address.port && to.includes(address.host),
  );
  return named ?? resolved ?? null;
}

/** Where changes that replicate are to be made. */
export const administered = (server: ServerSubject): InstanceId =>
  writerOf(server.of)?.instance.id ?? server.instance.id;
