import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../src/base/errors.ts';
import { seededPrng } from '../../src/base/prng.ts';
import type { EngineUnderTest } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import type { Cleanup } from '../support/servers.ts';
import { readChanges } from './changes.ts';
import { crowdOut } from './crowd-out.ts';
import { cutOff, exhaustSlots, freeze, kill } from './faults.ts';
import { fillDisk } from './fill-disk.ts';
import { createGreedyUser } from './greedy-client.ts';
import { createNumbered, NumberedWriter, readNumbered } from './numbered-writer.ts';
import { instanceOf, mend, type Rig, startRig, startServers } from './rig.ts';
import { type ChaosFault, drawRound, type Remark, type Round } from './round.ts';
import { judge, type Verdict } from './verdict.ts';

const clientCount = 4;
const insertEveryMs = 20;
/** After everything has healed, the writer endpoint takes rows again within this. */
const backDeadlineMs = 90_000;

export interface ChaosOptions {
  readonly engine: EngineUnderTest;
  readonly seed: number;
  /** No round begins after this. */
  readonly seconds: number;
  /** Instead of drawn ones. */
  readonly rounds?: readonly Round[];
  /** Two of the three copies have each commit, and none may be lost. */
  readonly quorum?: boolean;
  /** One server gets a disk of its own, to be filled; null, or why there is none: that fault is left out. */
  readonly noDisk: string | null;
  readonly onProgress: (line: string) => void;
}

export interface ChaosOutcome extends Verdict {
  readonly rounds: number;
  readonly failovers: number;
  /** Changes of the writer that Aurelay, killed meanwhile, wrote no receipt of. */
  readonly unreceipted: number;
  readonly acknowledged: number;
  readonly tried: number;
  /** The longest that the writer endpoint took to take rows again after everything had healed. */
  readonly slowestReturnMs: number;
  /** Replicas that had to be made again, because they had more than the new writer and could not follow it. */
  readonly stranded: number;
}

/** Real servers behind relays, a real Aurelay, clients that write, and one fault after another. Ends with `t`. */
export async function runChaos(t: Cleanup, options: ChaosOptions): Promise<ChaosOutcome> {
  const { engine, seed, seconds, onProgress } = options;
  const prng = seededPrng(seed);
  const servers = await startServers(t, engine, { smallDisk: options.noDisk === null });
  const rig = await startRig(t, servers, {
    relayed: true,
    writer: engine.id(1),
    ...(options.quorum === true ? { durability: { copies: 3, write_quorum: 2 } } : {}),
  });
  await mend(rig);
  const port = rig.aurelay.port('writer');
  await createNumbered(engine, port);
  await createGreedyUser(engine, port);
  const clients = Array.from({ length: clientCount }, (_, index) =>
    NumberedWriter.start(t, { engine, port, client: index + 1, intervalMs: insertEveryMs }),
  );
  const violations: string[] = [];
  const endAt = performance.now() + seconds * 1_000;
  let slowestReturnMs = 0;
  let rounds = 0;
  const next = () => (options.rounds === undefined ? drawRound(prng) : (options.rounds[rounds] ?? null));
  for (let round = next(); round !== null && performance.now() < endAt; round = next()) {
    rounds += 1;
    if (round.fault === 'disk filled' && rig.disk === null) {
      onProgress(`disk filled: left out, ${options.noDisk}`);
      continue;
    }
    await mend(rig);
    await Promise.all(clients.map((client) => client.untilMore(5)));
    const returnMs = await play(rig, clients, round, { onProgress, violations });
    slowestReturnMs = Math.max(slowestReturnMs, returnMs);
  }
  await mend(rig);
  for (const client of clients) await client.stop();
  const changes = readChanges(rig);
  const stored = await readNumbered(engine, port);
  const acknowledged = clients.flatMap((client) => client.acknowledged).sort((x, y) => x.at - y.at);
  const tried = new Map(clients.map(({ tried }, index) => [index + 1, tried]));
  const verdict = judge({ acknowledged, tried, stored, changes });
  violations.push(...verdict.violations, ...(await differences(rig, stored.length)));
  if (options.quorum === true) {
    for (const { change, rows } of verdict.losses)
      violations.push(`epoch ${change.epoch} lost ${rows} rows that a quorum had`);
  }
  return {
    ...verdict,
    ...{ violations, rounds, slowestReturnMs, stranded: rig.stranded.length },
    unreceipted: changes.filter(({ kind }) => kind === 'unknown').length,
    failovers: changes.filter(({ kind }) => kind === 'failover').length,
    acknowledged: acknowledged.length,
    tried: [...tried.values()].reduce((sum, count) => sum + count, 0),
  };
}

/** Every server has the rows that the writer has. */
async function differences({ engine, cluster, aurelay }: Rig, count: number): Promise<string[]> {
  const found: string[] = [];
  for (const { id, port } of cluster.instances) {
    let own = 0;
    await eventually(`${id} has all rows`, async () => {
      own = (await readNumbered(engine, port)).length;
      return own >= count;
    }).catch(async () => {
      const status = (await aurelay.status()).instances.find((instance) => instance.id === id);
      found.push(`${id} has ${own} of ${count} rows in the end, and Aurelay says ${JSON.stringify(status)}`);
    });
    if (own > count) found.push(`${id} has ${own} rows and the writer ${count}`);
  }
  return found;
}

interface Notes {
  readonly onProgress: (line: string) => void;
  readonly violations: string[];
}

/** Returns how long after the fault was over the writer endpoint took rows again, in milliseconds. */
async function play(
  rig: Rig,
  clients: readonly NumberedWriter[],
  round: Round,
  { onProgress, violations }: Notes,
): Promise<number> {
  await sleep(round.pauseMs);
  const target = await chooseTarget(rig, round);
  const before = await rig.aurelay.status();
  const startedAt = performance.now();
  const [remark] = await Promise.all([inject(rig, target, round), aurelayDies(rig, round)]);
  const overAt = performance.now();
  const counts = clients.map(({ acknowledged }) => acknowledged.length);
  await mend(rig);
  await Promise.all(
    clients.map((client, index) =>
      eventually(
        'rows are written again',
        () => client.acknowledged.length > (counts[index] ?? 0),
        backDeadlineMs,
      ),
    ),
  ).catch((error: unknown) => violations.push(`${round.fault}: ${messageOf(error)}`));
  const returnMs = Math.max(
    0,
    ...clients.map((client, index) => firstAfter(client, counts[index] ?? 0) - overAt),
  );
  const after = await rig.aurelay.status();
  if (/slots/.test(round.fault) && round.aurelayDiesAfterMs === null) {
    const failovers = readChanges(rig).filter(
      ({ epoch, kind }) => epoch > before.epoch && kind === 'failover',
    );
    if (failovers.length > 0) violations.push(`a failover because of ${round.fault}: load is not death`);
  }
  violations.push(...(remark?.violations ?? []));
  const died = round.aurelayDiesAfterMs === null ? '' : ', Aurelay killed meanwhile';
  onProgress(
    `${target}${target === before.writer ? ' (the writer)' : ''}: ${round.fault}${died}` +
      `${remark === null ? '' : ` (${remark.what})`}; ` +
      `epoch ${before.epoch} -> ${after.epoch}, over in ${Math.round(overAt - startedAt)} ms, ` +
      `rows again ${Math.round(returnMs)} ms later`,
  );
  return returnMs;
}

/** Whom the round hits. The disk is one server's: where the writer is to be hit, that one is made the writer first. */
async function chooseTarget(rig: Rig, { fault, onWriter }: Round): Promise<string> {
  const { writer, instances } = await rig.aurelay.status();
  if (writer === null) throw new Error('a round begins with a writer');
  if (fault !== 'disk filled' || rig.disk === null) {
    return onWriter ? writer : (instances.find(({ id }) => id !== writer)?.id ?? writer);
  }
  const { id } = rig.disk.instance;
  if (onWriter && id !== writer) {
    await rig.aurelay.admin.switchover(rig.engine.cluster, id);
    await mend(rig);
  }
  return id;
}

const firstAfter = ({ acknowledged }: NumberedWriter, count: number): number => acknowledged[count]?.at ?? 0;

async function aurelayDies({ aurelay }: Rig, { aurelayDiesAfterMs, fault }: Round): Promise<void> {
  if (aurelayDiesAfterMs === null || fault === 'kill Aurelay') return;
  await sleep(aurelayDiesAfterMs);
  await restart(aurelay);
}

async function restart(aurelay: Rig['aurelay']): Promise<void> {
  aurelay.kill('SIGKILL');
  await aurelay.ended();
  // It has no writer to offer as long as it is cut off from the one that there is.
  await aurelay.start('answering');
}

/** What there is to say of it, where there is. */
async function inject(rig: Rig, id: string, round: Round): Promise<Remark | null> {
  const { fault } = round;
  if (fault === 'ordinary slots taken') return crowdOut(rig, id, round);
  if (fault === 'disk filled') return fillDisk(rig, id, round);
  await breakIt(rig, id, { ...round, fault });
  return null;
}

type Silent = Exclude<ChaosFault, 'ordinary slots taken' | 'disk filled'>;

async function breakIt(
  rig: Rig,
  id: string,
  { fault, lastsMs, direction }: Round & { readonly fault: Silent },
): Promise<void> {
  switch (fault) {
    case 'kill the server':
      kill(rig, id);
      return sleep(lastsMs);
    case 'kill the server and start it at once':
      kill(rig, id);
      return startAgain(rig, id);
    case 'kill the server and start it later':
      kill(rig, id);
      await sleep(lastsMs);
      return startAgain(rig, id);
    case 'freeze':
      freeze(rig, id);
      return sleep(lastsMs);
    case 'cut off':
      cutOff(rig, id);
      return sleep(lastsMs);
    case 'cut off from Aurelay only':
      cutOff(rig, id, ['door']);
      return sleep(lastsMs);
    case 'cut off from its replicas only':
      cutOff(rig, id, ['link']);
      return sleep(lastsMs);
    case 'cut off one way':
      cutOff(rig, id, ['door', 'link'], [direction]);
      return sleep(lastsMs);
    case 'slots exhausted':
      await exhaustSlots(rig, id, lastsMs / 2);
      return;
    case 'kill Aurelay':
      return restart(rig.aurelay);
    case 'switchover':
      return switchOver(rig, id);
  }
}

/** A killed process takes a moment to be gone. */
async function startAgain(rig: Rig, id: string): Promise<void> {
  const instance = instanceOf(rig, id);
  await eventually(`${id} is gone`, () => instance.pid() === null);
  await instance.start();
}

/** To a replica; what is refused, or cut short by the end of Aurelay, is as good as any other outcome here. */
async function switchOver(rig: Rig, id: string): Promise<void> {
  const { writer, instances } = await rig.aurelay.status();
  const to = id === writer ? instances.find((instance) => instance.id !== writer)?.id : id;
  await rig.aurelay.admin.switchover(rig.engine.cluster, to ?? id).catch(() => {});
}
