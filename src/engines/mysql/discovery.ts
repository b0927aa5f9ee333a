import { withDeadline } from '../deadline.ts';
import type { Discovery, DiscoveryResult } from '../discovery.ts';
import type { Target } from '../engine.ts';
import { chooseDialect } from './dialects/choose.ts';
import type { Results, ServerStatus } from './dialects/dialect.ts';
import { type Answers, type Question, questionsTo, readDiscovery } from './discovery-rows.ts';
import { classifyFailure, errnoOf } from './failure.ts';
import { type Link, openLink } from './link.ts';

/** The name in the server's connection attributes. */
const programName = 'aurelay-init';

/** Over one connection of its own. Never throws. */
export async function discoverMysql(target: Target, timeoutMs: number): Promise<DiscoveryResult> {
  const abort = new AbortController();
  const outcome = await withDeadline(discover(target, abort.signal), timeoutMs);
  abort.abort();
  switch (outcome.kind) {
    case 'done':
      return { kind: 'answered', discovery: outcome.value };
    case 'failed':
      return { kind: 'failed', failure: classifyFailure(outcome.error, [target.password]) };
    case 'expired':
      return { kind: 'failed', failure: { reason: 'timeout', detail: `no answer within ${timeoutMs} ms` } };
  }
}

async function discover(target: Target, signal: AbortSignal): Promise<Discovery> {
  const link = await openLink(target, programName, signal);
  signal.addEventListener('abort', () => link.destroy());
  if (signal.aborted) link.destroy();
  try {
    const answers: Partial<Record<Question['name'], Results[number] | null>> = {};
    for (const { name, sql } of questionsTo(link.version)) answers[name] = await ask(link, sql);
    return readDiscovery(await statusOf(link), link.version, { group: null, ...answers } as Answers);
  } finally {
    link.destroy();
  }
}

/** Statement by statement, because a login may be refused some of them. */
async function statusOf(link: Link): Promise<ServerStatus> {
  const dialect = chooseDialect(link.version);
  const results: (Results[number] | null)[] = [];
  for (const sql of dialect.statusSql.split('; ')) results.push(await ask(link, sql));
  return dialect.readStatus(results.map((rows) => rows ?? []));
}

/** Refusals for want of a privilege, and a table or a statement that this version does not have (Server Error Reference). */
const refusals: ReadonlySet<number> = new Set([1044, 1064, 1142, 1146, 1227]);

async function ask(link: Link, sql: string): Promise<Results[number] | null> {
  try {
    const [rows] = await link.query(sql);
    return rows ?? [];
  } catch (error) {
    if (refusals.has(errnoOf(error) ?? 0)) return null;
    throw error;
  }
}
