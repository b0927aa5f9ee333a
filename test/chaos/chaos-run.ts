import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../src/base/errors.ts';
import { type Prng, randomIndex, seededPrng } from '../../src/base/prng.ts';
import type { EngineUnderTest } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import type { Cleanup } from '../support/servers.ts';
import { readChanges } from './changes.ts';
import type { Direction } from './cut-relay.ts';
import { cutOff, exhaustSlots, freeze, kill } from './faults.ts';
import { createNumbered, NumberedWriter, readNumbered } from './numbered-writer.ts';
import { instanceOf, mend, type Rig, startRig, startServers } from './rig.ts';
import { judge, type Verdict } from './verdict.ts';

const clientCount = 4;
const insertEveryMs = 20;
/** After everything has healed, the writer endpoint takes rows again within this. */
const backDeadlineMs = 60_000;

export const chaosFaults = [
  'kill the server',
  'kill the server and start it at once',
  'kill the server and start it later',
  'freeze',
  'cut off',
  'cut off from Aurelay only',
  'cut off from its replicas only',
  'cut off one way',
  'slots exhausted',
  'kill Aurelay',
  'switchover',
] as const;
export type ChaosFault = (typeof chaosFaults)[number];

/** One fault, drawn before anything of it happens, so that a seed gives the same run on any machine. */
export interface Round {
  readonly fault: ChaosFault;
  /** Whether it hits the writer or a replica. */
  readonly onWriter: boolean;
  readonly pauseMs: number;
  /** How long the fault lasts, where that is for us to say. */
  readonly lastsMs: number;
  /** When Aurelay is killed (and started again) in the middle of it; null: not. */
  readonly aurelayDiesAfterMs: number | null;
  readonly direction: Direction;
}

export function drawRound(prng: Prng): Round {
  const fault = chaosFaults[randomIndex(prng, chaosFaults.length)] ?? 'kill the server';
  const onWriter = prng.next() < 0.75;
  const pauseMs = 300 + randomIndex(prng, 2_000);
  const lastsMs = 200 + randomIndex(prng, 7_000);
  const dies = prng.next() < 0.25;
  const afterMs = randomIndex(prng, 4_000);
  const direction = prng.next() < 0.5 ? 'to-server' : 'to-client';
  return { fault, onWriter, pauseMs, lastsMs, aurelayDiesAfterMs: dies ? afterMs : null, direction };
}

export interface ChaosOptions {
  readonly engine: EngineUnderTest;
  readonly seed: number;
  /** No round begins after this. */
  readonly seconds: number;
  /** Instead of drawn ones. */
  readonly rounds?: readonly Round[];
  /** Two of the three copies have each commit, and none may be lost. */
  readonly quorum?: boolean;
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
  const servers = await startServers(t, engine);
  const rig = await startRig(t, servers, {
    relayed: true,
    writer: engine.id(1),
    ...(options.quorum === true ? { durability: { copies: 3, write_quorum: 2 } } : {}),
  });
  await mend(rig);
  const port = rig.aurelay.port('writer');
  await createNumbered(engine, port);
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
  const before = await rig.aurelay.status();
  const target = round.onWriter
    ? before.writer
    : (before.instances.find(({ id }) => id !== before.writer)?.id ?? null);
  if (target === null) throw new Error('a round begins with a writer');
  const startedAt = performance.now();
  await Promise.all([inject(rig, target, round), aurelayDies(rig, round)]);
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
  if (
    round.fault === 'slots exhausted' &&
    round.aurelayDiesAfterMs === null &&
    after.epoch !== before.epoch
  ) {
    violations.push('a failover because of exhausted slots: load is not death');
  }
  const died = round.aurelayDiesAfterMs === null ? '' : ', Aurelay killed meanwhile';
  onProgress(
    `${target}${target === before.writer ? ' (the writer)' : ''}: ${round.fault}${died}; ` +
      `epoch ${before.epoch} -> ${after.epoch}, over in ${Math.round(overAt - startedAt)} ms, ` +
      `rows again ${Math.round(returnMs)} ms later`,
  );
  return returnMs;
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
  await aurelay.start();
}

async function inject(rig: Rig, id: string, { fault, lastsMs, direction }: Round): Promise<void> {
  switch (fault) {
    case 'kill the server':
      kill(rig, id);
      return sleep(lastsMs);
    case 'kill the server and start it at once':
      kill(rig, id);
      return instanceOf(rig, id).start();
    case 'kill the server and start it later':
      kill(rig, id);
      await sleep(lastsMs);
      return instanceOf(rig, id).start();
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

/** To a replica; what is refused, or cut short by the end of Aurelay, is as good as any other outcome here. */
async function switchOver(rig: Rig, id: string): Promise<void> {
  const { writer, instances } = await rig.aurelay.status();
  const to = id === writer ? instances.find((instance) => instance.id !== writer)?.id : id;
  await rig.aurelay.admin.switchover(rig.engine.cluster, to ?? id).catch(() => {});
}
