import { performance } from 'node:perf_hooks';
import { type ClockSample, readClock } from '../clock-reading.ts';
import { withDeadline } from '../deadline.ts';
import type { Target } from '../engine.ts';
import type { MysqlFacts, MysqlRights, Survey, UnreadPart, VariableOrigin } from '../survey.ts';
import { chooseDialect } from './dialects/choose.ts';
import type { Dialect, Results, Row } from './dialects/dialect.ts';
import { classifyFailure, describeFailure } from './failure.ts';
import { readGrants } from './grants.ts';
import { type Link, openLink } from './link.ts';
import { observationOf } from './observation.ts';
import {
  heartbeatPeriodsSql,
  mariadbOriginsSql,
  mysqlOriginsSql,
  readChannels,
  readOrigins,
  readVariables,
  variablesSql,
} from './survey-facts.ts';

/** The name in the server's connection attributes. */
const programName = 'aurelay-doctor';
const looks = 3;
const nowSql = 'SELECT UNIX_TIMESTAMP(NOW(6)) AS said';

export async function surveyMysql(target: Target, timeoutMs: number): Promise<Survey> {
  const abort = new AbortController();
  let link: Link | null = null;
  const work = async (): Promise<MysqlFacts> => {
    link = await openLink(target, programName, abort.signal);
    return await readFacts(link);
  };
  const outcome = await withDeadline(work(), timeoutMs);
  abort.abort();
  (link as Link | null)?.destroy();
  switch (outcome.kind) {
    case 'done':
      return { kind: 'answered', facts: outcome.value };
    case 'failed':
      return { kind: 'failed', failure: classifyFailure(outcome.error, [target.password]) };
    case 'expired':
      return { kind: 'failed', failure: { reason: 'timeout', detail: `no answer within ${timeoutMs}ms` } };
  }
}

async function readFacts(link: Link): Promise<MysqlFacts> {
  const { version } = link;
  const dialect = chooseDialect(version);
  const results = await link.query(dialect.statusSql);
  const status = dialect.readStatus(results);
  const latencyMs = await latencyOf(link, dialect);
  const clock = readClock(await askForTime(link)) ?? { aheadMs: 0, uncertaintyMs: latencyMs };
  const unread = new Map<UnreadPart, string>();
  return {
    engine: 'mysql',
    flavor: version.flavor,
    observation: observationOf(status, version, null),
    latencyMs,
    clock,
    tls: link.shownTls,
    versionNumber: version,
    variables: readVariables(rowsOf(await link.query(variablesSql))),
    origins: await originsOf(link, unread),
    rights: await rightsOf(link),
    channels: readChannels(status, results[1] ?? [], await heartbeatPeriodsOf(link, dialect, unread)),
    semiSync: { source: status.semiSync.source !== null, replica: status.semiSync.replica !== null },
    unread,
  };
}

/** The first look is left out, which met a session with nothing cached. */
async function latencyOf(link: Link, { statusSql }: Dialect): Promise<number> {
  const took: number[] = [];
  for (let look = 0; look < looks; look++) {
    const before = performance.now();
    await link.query(statusSql);
    took.push(performance.now() - before);
  }
  return took.toSorted((a, b) => a - b)[Math.floor(looks / 2)] ?? 0;
}

async function askForTime(link: Link): Promise<readonly ClockSample[]> {
  const samples: ClockSample[] = [];
  for (let look = 0; look < looks; look++) {
    const askedAtMs = Date.now();
    const [row] = rowsOf(await link.query(nowSql));
    samples.push({ askedAtMs, saidMs: Number(row?.said) * 1000, heardAtMs: Date.now() });
  }
  return samples.filter(({ saidMs }) => Number.isFinite(saidMs));
}

async function originsOf(
  link: Link,
  unread: Map<UnreadPart, string>,
): Promise<ReadonlyMap<string, VariableOrigin> | null> {
  const sql = link.version.flavor === 'mariadb' ? mariadbOriginsSql : mysqlOriginsSql;
  const rows = await orRefused(link, sql);
  if (!(rows instanceof Error)) return readOrigins(rows);
  unread.set('origins', describeFailure(rows, []));
  return null;
}

/** Where heartbeats are counted apart from the status, that is looked at, too, as a probe does. */
async function heartbeatPeriodsOf(
  link: Link,
  { heartbeatsSql }: Dialect,
  unread: Map<UnreadPart, string>,
): Promise<readonly Row[]> {
  if (heartbeatsSql === null) return [];
  const counts = await orRefused(link, heartbeatsSql);
  if (counts instanceof Error) unread.set('heartbeats', describeFailure(counts, []));
  const periods = await orRefused(link, heartbeatPeriodsSql);
  return periods instanceof Error ? [] : periods;
}

/** The server's own refusal, which has a number; anything else ends the survey. */
async function orRefused(link: Link, sql: string): Promise<readonly Row[] | Error> {
  try {
    return rowsOf(await link.query(sql));
  } catch (error) {
    if (error instanceof Error && Number((error as { errno?: unknown }).errno) > 0) return error;
    throw error;
  }
}

/** Roles count where they are active, as they are then for the probe too. */
async function rightsOf(link: Link): Promise<MysqlRights> {
  const [who] = rowsOf(
    await link.query(
      'SELECT CURRENT_USER() AS account, CURRENT_ROLE() AS roles, @@session.max_user_connections AS most',
    ),
  );
  const roles = who?.roles ?? 'NONE';
  const isListed = link.version.flavor === 'mysql' && roles !== 'NONE' && roles !== '';
  const grants = await link.query(isListed ? `SHOW GRANTS FOR CURRENT_USER() USING ${roles}` : 'SHOW GRANTS');
  const { global, readsPerformanceSchema } = readGrants(linesOf(rowsOf(grants)));
  const most = Number(who?.most ?? 0);
  return {
    account: accountOf(who?.account ?? ''),
    privileges: global,
    performanceSchema: readsPerformanceSchema,
    connectionLimit: most > 0 ? most : null,
  };
}

/** `user@host` as SQL writes it. */
function accountOf(text: string): string {
  const at = text.lastIndexOf('@');
  const quoted = (part: string): string => `'${part.replaceAll("'", "''")}'`;
  return at === -1 ? quoted(text) : `${quoted(text.slice(0, at))}@${quoted(text.slice(at + 1))}`;
}

const rowsOf = (results: Results): readonly Row[] => results[0] ?? [];

const linesOf = (rows: readonly Row[]): readonly string[] =>
  rows.flatMap((row) => Object.values(row).flatMap((value) => (value == null ? [] : [value])));
