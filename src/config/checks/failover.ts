import { formatDuration } from '../../base/duration.ts';
import type { Finding } from '../finding.ts';
import type { Inspection } from '../inspection.ts';
import type { Path } from '../outline.ts';
import { type Check, type ClusterDraft, clustersOf, error, warning } from './check.ts';

/** What automatic failover needs is there, and its times fit each other. */
export const checkFailover: Check = function* (inspection) {
  for (const { path, value } of clustersOf(inspection)) {
    if (value.failover?.mode === 'automatic') {
      yield* stateDirectory(inspection, path);
      yield* candidates(value, path);
      yield* detection(inspection, value, path);
    }
    yield* probeTimes(inspection, value, path);
    yield* monitorDatabase(inspection, value, path);
  }
};

function* stateDirectory({ has }: Inspection, path: Path): Iterable<Finding> {
  if (has(['state_dir'])) return;
  const message =
    '`mode: automatic` needs a `state_dir`: after a restart, a deposed writer must still be known as one';
  yield error('no-state-dir', [...path, 'failover', 'mode'], message, {
    hint: 'add `state_dir: /var/lib/aurelay` at the top of the file, or choose `mode: observe`',
  });
}

function* candidates({ instances }: ClusterDraft, path: Path): Iterable<Finding> {
  if (instances === undefined || Object.keys(instances).length !== 1) return;
  const message = 'automatic failover has nobody to promote: the cluster has one instance';
  yield warning('no-candidate', [...path, 'instances'], message, { on: 'key' });
}

/** A frozen writer answers nothing: each probe of it takes its whole timeout. */
function* detection(
  inspection: Inspection,
  { health, failover }: ClusterDraft,
  path: Path,
): Iterable<Finding> {
  const hold = failover?.hold;
  if (hold === undefined || hold === 0) return;
  const fall = health?.fall ?? 3;
  const slowest = Math.max(health?.interval ?? 500, health?.timeout ?? 1000);
  const [timeout, holdAt] = [
    [...path, 'health'],
    [...path, 'failover', 'hold'],
  ];
  if (fall * slowest >= hold) {
    const noticed = '`fall` × the longer of `interval` and `timeout`';
    const message = `a frozen writer is noticed after ${noticed}, which is no shorter than \`hold\`: connections that wait are refused before a failover begins`;
    yield warning('unhelpful-timing', inspection.has(timeout) ? timeout : holdAt, message, { on: 'key' });
  }
  const promotion = [...path, 'failover', 'promote_timeout'];
  if ((failover?.promote_timeout ?? 0) > hold) {
    const message = 'a promotion may take longer than connections wait for it (`promote_timeout` > `hold`)';
    yield warning('unhelpful-timing', inspection.has(promotion) ? promotion : holdAt, message);
  }
}

const mostIntervals = 10;

function* probeTimes({ has }: Inspection, { health }: ClusterDraft, path: Path): Iterable<Finding> {
  const { interval, timeout } = health ?? {};
  if (interval === undefined || timeout === undefined || timeout <= mostIntervals * interval) return;
  const at = (key: string): Path => [...path, 'health', key];
  const message = `\`timeout\` is more than ${mostIntervals} times \`interval\`: probes of an instance never overlap, so while one waits there is no other, and a frozen server is noticed after \`fall\` × \`timeout\``;
  yield warning('unhelpful-timing', has(at('timeout')) ? at('timeout') : at('interval'), message, {
    hint: `about twice the interval is usual; the defaults are ${formatDuration(500)} and ${formatDuration(1000)}`,
  });
}

function* monitorDatabase({ has }: Inspection, { engine }: ClusterDraft, path: Path): Iterable<Finding> {
  const at = [...path, 'monitor', 'database'];
  if (engine !== 'mysql' || !has(at)) return;
  yield warning('inapplicable-key', at, 'MySQL probes use no database: this has no effect', { on: 'key' });
}
