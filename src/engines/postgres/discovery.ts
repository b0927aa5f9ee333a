import { performance } from 'node:perf_hooks';
import { withDeadline } from '../deadline.ts';
import type { Discovery, DiscoveryResult } from '../discovery.ts';
import type { Target } from '../engine.ts';
import { ServerConnection } from './connection.ts';
import { discoveryQuery, hasParameterGrants, parameterQuery, readDiscovery } from './discovery-rows.ts';
import { classify } from './failure.ts';
import { statusQuery } from './status.ts';

/** Over one connection of its own. Never throws. */
export async function discoverPostgres(target: Target, timeoutMs: number): Promise<DiscoveryResult> {
  const connection = new ServerConnection(target, {
    applicationName: 'aurelay-init',
    statementTimeoutMs: timeoutMs,
  });
  const outcome = await withDeadline(discover(connection), timeoutMs);
  if (outcome.kind === 'done') connection.close();
  else connection.destroy();
  switch (outcome.kind) {
    case 'done':
      return { kind: 'answered', discovery: outcome.value };
    case 'failed':
      return { kind: 'failed', failure: classify(outcome.error, [target.password]) };
    case 'expired':
      return { kind: 'failed', failure: { reason: 'timeout', detail: `no answer within ${timeoutMs} ms` } };
  }
}

async function discover(connection: ServerConnection): Promise<Discovery> {
  await connection.open();
  const [status = {}] = await connection.query(statusQuery);
  const [extra = {}] = await connection.query(discoveryQuery);
  const [parameters = {}] = hasParameterGrants(extra) ? await connection.query(parameterQuery) : [];
  return readDiscovery(status, { ...extra, ...parameters }, performance.now());
}
