import type { Finding } from '../finding.ts';
import type { Inspection } from '../inspection.ts';
import type { Path } from '../outline.ts';
import { type Check, type ClusterDraft, clustersOf, error, warning } from './check.ts';

/** The write quorum fits the instances, and what it promises is what one would think. */
export const checkDurability: Check = function* (inspection) {
  for (const { path, value } of clustersOf(inspection)) {
    yield* lossUnit(value, path);
    yield* quorum(inspection, value, path);
  }
};

function* lossUnit({ engine, failover }: ClusterDraft, path: Path): Iterable<Finding> {
  const limit = failover?.max_loss;
  if (limit === undefined || engine === undefined) return;
  const at = [...path, 'failover', 'max_loss'];
  if (engine === 'mysql' && limit.unit === 'bytes') {
    const message = '`max_loss` counts transactions on MySQL and MariaDB: a number without a unit';
    yield error('invalid-durability', at, message);
  }
  if (engine === 'postgres' && limit.unit === 'none' && limit.amount !== 0) {
    const message = '`max_loss` counts bytes of log on PostgreSQL: give a unit, as in `16MB`';
    yield error('invalid-durability', at, message);
  }
}

function* quorum({ has }: Inspection, cluster: ClusterDraft, path: Path): Iterable<Finding> {
  const at = [...path, 'durability'];
  const { copies, write_quorum: writeQuorum } = cluster.durability ?? {};
  const given = ['copies', 'write_quorum', 'on_lost_quorum', 'degrade_after'].filter((key) =>
    has([...at, key]),
  );
  if (given.length === 0) return;
  if (!has([...at, 'copies']) || !has([...at, 'write_quorum'])) {
    const message = '`durability` needs both `copies` and `write_quorum`, or is `async`';
    yield error('invalid-durability', at, message, {
      hint: 'three copies of which two have each commit: `durability: { copies: 3, write_quorum: 2 }`',
    });
    return;
  }
  if (copies === undefined || writeQuorum === undefined) return;
  yield* fit(cluster, copies, writeQuorum, at);
  yield* promises(cluster, copies, writeQuorum, at, path);
}

function* fit({ instances }: ClusterDraft, copies: number, writeQuorum: number, at: Path): Iterable<Finding> {
  if (writeQuorum > copies) {
    yield error('invalid-durability', [...at, 'write_quorum'], '`write_quorum` is more than `copies`');
  }
  if (writeQuorum <= copies / 2) {
    const message = `\`write_quorum: ${writeQuorum}\` is not more than half of ${copies} copies: a former writer and its own replicas could tell clients of commits beside the writer`;
    yield error('invalid-durability', [...at, 'write_quorum'], message, {
      hint: `at least ${Math.floor(copies / 2) + 1}`,
    });
  }
  if (instances === undefined) return;
  const counted = Object.values(instances).filter((one) => one?.copy !== 'false').length;
  if (counted === copies) return;
  const message = `\`copies\` is ${copies}, but ${counted} instances keep a copy`;
  yield error('invalid-durability', [...at, 'copies'], message, {
    hint: 'each instance counts unless it has `copy: false`',
  });
}

function* promises(
  { engine, failover, instances }: ClusterDraft,
  copies: number,
  writeQuorum: number,
  at: Path,
  path: Path,
): Iterable<Finding> {
  if (failover?.mode === 'observe') {
    const message =
      '`durability` with copies needs `mode: automatic`: in `observe` Aurelay never changes a server';
    yield error('invalid-durability', [...path, 'failover', 'mode'], message);
  }
  const onQuorum = [...at, 'write_quorum'];
  if (engine === 'mysql' && writeQuorum > 2) {
    const message = `MariaDB waits for one replica only: there, \`write_quorum: ${writeQuorum}\` promises what 2 promises, a failover needs ${copies - 1} copies, and clients that go past Aurelay to a former writer are not kept from it (MySQL waits for ${writeQuorum - 1})`;
    yield warning('unhelpful-durability', onQuorum, message);
  }
  if (writeQuorum === copies) {
    const message = 'every copy has to have each commit: while any one is away, nothing is written';
    yield warning('unhelpful-durability', onQuorum, message);
  }
  yield* zones(instances, copies, writeQuorum, onQuorum);
}

/** A zone that is lost should neither stop writes nor take the last copies of a commit with it. */
function* zones(
  instances: ClusterDraft['instances'],
  copies: number,
  writeQuorum: number,
  at: Path,
): Iterable<Finding> {
  const sizes = new Map<string, number>();
  for (const one of Object.values(instances ?? {})) {
    if (one?.zone !== undefined && one.copy !== 'false') sizes.set(one.zone, (sizes.get(one.zone) ?? 0) + 1);
  }
  if (sizes.size < 2) return;
  const [zone, size] = [...sizes].reduce((most, one) => (one[1] > most[1] ? one : most));
  if (size >= writeQuorum) {
    const message = `zone "${zone}" has ${size} of the ${copies} copies: a commit can be in that zone only, and be lost with it (spread the copies, or raise \`write_quorum\`)`;
    yield warning('unhelpful-durability', at, message);
  }
  if (copies - size < writeQuorum) {
    const message = `without zone "${zone}" ${copies - size} of the ${copies} copies would be left, fewer than \`write_quorum\`: losing it stops writes`;
    yield warning('unhelpful-durability', at, message);
  }
}
