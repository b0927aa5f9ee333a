import { performance } from 'node:perf_hooks';
import { type ClockSample, readClock } from '../clock-reading.ts';
import { withDeadline } from '../deadline.ts';
import type { Target } from '../engine.ts';
import type { PostgresFacts, Survey, UnreadPart } from '../survey.ts';
import { ServerConnection } from './connection.ts';
import { classify } from './failure.ts';
import { historyQuery, needsHistory, observe, readStatus, type StatusRow, statusQuery } from './status.ts';
import {
  readConninfoFacts,
  readHba,
  readOverrides,
  readReplicas,
  readRights,
  readSettings,
  readSlots,
  readVersionNumber,
} from './survey-facts.ts';
import {
  clockQuery,
  hbaQuery,
  overridesQuery,
  replayQuery,
  replicasQuery,
  rightsQuery,
  settingsQuery,
  slotsQuery,
  superuserSessionsQuery,
} from './survey-queries.ts';

const looks = 3;

export async function surveyPostgres(target: Target, timeoutMs: number): Promise<Survey> {
  const connection = new ServerConnection(target, {
    applicationName: 'aurelay-doctor',
    statementTimeoutMs: timeoutMs,
  });
  const outcome = await withDeadline(
    connection.open().then(() => readFacts(connection, target)),
    timeoutMs,
  );
  if (outcome.kind === 'done') connection.close();
  else connection.destroy();
  switch (outcome.kind) {
    case 'done':
      return { kind: 'answered', facts: outcome.value };
    case 'failed':
      return { kind: 'failed', failure: classify(outcome.error, [target.password]) };
    case 'expired':
      return { kind: 'failed', failure: { reason: 'timeout', detail: `no answer within ${timeoutMs}ms` } };
  }
}

async function readFacts(connection: ServerConnection, target: Target): Promise<PostgresFacts> {
  const startedAt = performance.now();
  const first = await lookOnce(connection);
  const status = readStatus(first);
  const { observation } = observe(status, null, startedAt, target.instance);
  const latencyMs = await latencyOf(connection);
  const clock = readClock(await askForTime(connection)) ?? { aheadMs: 0, uncertaintyMs: latencyMs };
  const settings = readSettings(await connection.query(settingsQuery));
  const versionNumber = readVersionNumber(settings.get('server_version_num')?.value);
  const { major } = versionNumber;
  const [rights = {}] = await connection.query(rightsQuery(major));
  const unread = new Map<UnreadPart, string>();
  const optional = (part: UnreadPart, query: string) => rowsOrWhyNot(connection, part, query, unread);
  const replay = status.inRecovery ? await connection.query(replayQuery) : [];
  const hba = await optional('hba', hbaQuery);
  return {
    engine: 'postgres',
    observation,
    latencyMs,
    clock,
    tls: connection.shownTls,
    versionNumber,
    inRecovery: status.inRecovery,
    settings,
    rights: readRights(rights),
    conninfo: readConninfoFacts(status),
    replicas: readReplicas((await optional('replicas', replicasQuery)) ?? []),
    slots: readSlots((await optional('slots', slotsQuery(major))) ?? []),
    overrides: readOverrides((await optional('overrides', overridesQuery)) ?? []),
    replayPaused: replay[0]?.paused === 'true',
    superuserSessions: namesIn((await optional('sessions', superuserSessionsQuery)) ?? []),
    hba: hba === null ? null : readHba(hba),
    unread,
  };
}

async function lookOnce(connection: ServerConnection): Promise<StatusRow> {
  const [row = {}] = await connection.query(statusQuery);
  if (!needsHistory(row)) return row;
  const [history] = await connection.query(historyQuery);
  return { ...row, ...history };
}

/** The first look is left out: a new session has its caches to fill. */
async function latencyOf(connection: ServerConnection): Promise<number> {
  const took: number[] = [];
  for (let look = 0; look < looks; look++) {
    const before = performance.now();
    await lookOnce(connection);
    took.push(performance.now() - before);
  }
  return took.toSorted((a, b) => a - b)[Math.floor(looks / 2)] ?? 0;
}

async function askForTime(connection: ServerConnection): Promise<readonly ClockSample[]> {
  const samples: ClockSample[] = [];
  for (let look = 0; look < looks; look++) {
    const askedAtMs = Date.now();
    const [row] = await connection.query(clockQuery);
    samples.push({ askedAtMs, saidMs: Number(row?.said), heardAtMs: Date.now() });
  }
  return samples.filter(({ saidMs }) => Number.isFinite(saidMs));
}

/** Null where the server refuses the question; anything worse ends the survey. */
async function rowsOrWhyNot(
  connection: ServerConnection,
  part: UnreadPart,
  query: string,
  unread: Map<UnreadPart, string>,
): Promise<readonly StatusRow[] | null> {
  try {
    return await connection.query(query);
  } catch (error) {
    if (connection.isBroken) throw error;
    unread.set(part, classify(error, []).detail);
    return null;
  }
}

const namesIn = (rows: readonly StatusRow[]): readonly string[] =>
  rows.flatMap(({ usename }) => (usename == null ? [] : [usename]));
