import type { Acknowledgement } from '../../cluster/observation.ts';
import type { Row } from './dialects/dialect.ts';

/**
 * Semi-synchronous replication (MySQL manual, "Semisynchronous Replication"; MariaDB documentation of the same name),
 * as a server's variables show it. Its two sides are plugins on MySQL, each of which may be missing, and built into
 * MariaDB. MySQL's plugins have new names since 8.0.26; MariaDB and MySQL's older plugins go by the old ones.
 */
export interface SemiSync {
  readonly source: SemiSyncSource | null;
  readonly replica: SemiSyncReplica | null;
}

/** The side that waits. */
export interface SemiSyncSource {
  readonly names: SourceNames;
  readonly enabled: boolean;
  /** False where it gave up waiting though it is enabled. */
  readonly waits: boolean;
  /** Replicas that a commit waits for; null where the server knows no other number than one (MariaDB). */
  readonly count: number | null;
  /** Replicas that are connected and acknowledge. */
  readonly clients: number;
  /** Commits that wait now. */
  readonly waiting: number;
  /** It waits for as long as it can, before the commit shows, and for replicas that are away. */
  readonly isPatient: boolean;
}

/** The side that acknowledges. */
export interface SemiSyncReplica {
  readonly enabledName: string;
  readonly enabled: boolean;
  /** The receiver that runs now acknowledges: it took over the setting when it connected. */
  readonly acknowledges: boolean;
}

interface SourceNames {
  readonly enabled: string;
  readonly timeout: string;
  readonly waitPoint: string;
  readonly waitForAbsent: string;
  readonly count: string;
}

const namesOf = (source: string, replica: string): SourceNames => ({
  enabled: `rpl_semi_sync_${source}_enabled`,
  timeout: `rpl_semi_sync_${source}_timeout`,
  waitPoint: `rpl_semi_sync_${source}_wait_point`,
  waitForAbsent: `rpl_semi_sync_${source}_wait_no_${replica}`,
  count: `rpl_semi_sync_${source}_wait_for_${replica}_count`,
});

/** Both without rows, and without an error, on a server that has none of it. */
export const semiSyncSql =
  "SHOW GLOBAL VARIABLES LIKE 'rpl_semi_sync_%'; SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_%'";

/** In milliseconds, the longest there is: 49 days, after which commits would go on without an acknowledgement. */
const forever = 4_294_967_295;

export function readSemiSync(variables: readonly Row[], status: readonly Row[]): SemiSync {
  const values = new Map([...variables, ...status].map((row) => [row.Variable_name ?? '', row.Value ?? '']));
  const [source, replica] = values.has('rpl_semi_sync_source_enabled')
    ? (['source', 'replica'] as const)
    : (['master', 'slave'] as const);
  return {
    source: readSource(values, source, namesOf(source, replica)),
    replica: readReplica(values, 'replica') ?? readReplica(values, 'slave'),
  };
}

function readSource(
  values: ReadonlyMap<string, string>,
  word: string,
  names: SourceNames,
): SemiSyncSource | null {
  if (!values.has(names.enabled)) return null;
  const numberOf = (name: string): number => Number(values.get(name) ?? 0);
  const enabled = values.get(names.enabled) === 'ON';
  return {
    names,
    enabled,
    waits: enabled && values.get(`Rpl_semi_sync_${word}_status`) === 'ON',
    count: values.has(names.count) ? numberOf(names.count) : null,
    clients: numberOf(`Rpl_semi_sync_${word}_clients`),
    waiting: numberOf(`Rpl_semi_sync_${word}_wait_sessions`),
    isPatient:
      numberOf(names.timeout) === forever &&
      values.get(names.waitPoint) === 'AFTER_SYNC' &&
      values.get(names.waitForAbsent) === 'ON',
  };
}

function readReplica(values: ReadonlyMap<string, string>, word: string): SemiSyncReplica | null {
  const enabledName = `rpl_semi_sync_${word}_enabled`;
  const enabled = values.get(enabledName);
  if (enabled === undefined) return null;
  return {
    enabledName,
    enabled: enabled === 'ON',
    acknowledges: values.get(`Rpl_semi_sync_${word}_status`) === 'ON',
  };
}

/**
 * The statements, in order, after which each commit waits for `count` replicas; none where that is so already. A
 * source that gave up waiting is switched off and on.
 */
export function waitForSql(source: SemiSyncSource, count: number): readonly string[] {
  const { names } = source;
  if (count === 0) return dontWaitSql(source);
  const isCounted = source.count === null || source.count === count;
  if (source.waits && source.isPatient && isCounted) return [];
  return [
    `SET GLOBAL ${names.timeout} = ${forever}`,
    `SET GLOBAL ${names.waitPoint} = 'AFTER_SYNC'`,
    `SET GLOBAL ${names.waitForAbsent} = ON`,
    ...(source.count === null ? [] : [`SET GLOBAL ${names.count} = ${count}`]),
    ...(source.waits ? [] : dontWaitSql(source)),
    `SET GLOBAL ${names.enabled} = ON`,
  ];
}

export const dontWaitSql = ({ enabled, names }: SemiSyncSource): readonly string[] =>
  enabled ? [`SET GLOBAL ${names.enabled} = OFF`] : [];

export const acknowledgementOf = ({ source }: SemiSync): Acknowledgement | null =>
  source === null
    ? null
    : {
        count: source.waits ? (source.count ?? 1) : 0,
        from: null,
        connected: source.clients,
        most: source.count === null ? 1 : null,
      };
