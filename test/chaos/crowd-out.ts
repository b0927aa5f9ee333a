import { setTimeout as sleep } from 'node:timers/promises';
import { AdminFailure } from '../../src/admin/client.ts';
import { GreedyClient } from './greedy-client.ts';
import { instanceOf, type Rig } from './rig.ts';
import type { Remark, Round } from './round.ts';

/** Longer than two turns of the probes. */
const seenAfterMs = 1_200;

/**
 * Takes every ordinary slot of a server. Aurelay has to go on seeing it for what it is, and to carry out what an operator
 * asks for: its user has a slot that the greedy one cannot get.
 */
export async function crowdOut(rig: Rig, id: string, round: Round): Promise<Remark> {
  const greedy = new GreedyClient(rig.engine, instanceOf(rig, id).port);
  const violations: string[] = [];
  let what = 'nobody asked for anything';
  try {
    await greedy.full;
    await sleep(seenAfterMs);
    // A restart of Aurelay in the middle excuses what follows.
    const isWatched = round.aurelayDiesAfterMs === null;
    if (isWatched) violations.push(...(await misjudged(rig, id)));
    if (round.switchesOver) {
      const refusal = await askSwitchover(rig, id);
      what = refusal === null ? 'and a switchover was carried out' : `and a switchover was not: ${refusal}`;
      if (isWatched && refusal !== null)
        violations.push(`${id} is full, and a switchover failed: ${refusal}`);
    }
    await sleep(round.lastsMs / 2);
  } finally {
    await greedy.stop();
  }
  return { what, violations };
}

async function misjudged(rig: Rig, id: string): Promise<string[]> {
  const { phase, instances } = await rig.aurelay.status();
  const seen = instances.find((instance) => instance.id === id);
  if (phase === 'stable' && seen?.health === 'healthy' && seen.role !== null) return [];
  return [`only the slots of ${id} are taken, and Aurelay says ${phase}, ${JSON.stringify(seen)}`];
}

/** To a replica: `id`, or where that is the writer, another. Null where it was done, else why not. */
export async function askSwitchover(rig: Rig, id: string): Promise<string | null> {
  try {
    const { writer, instances } = await rig.aurelay.status();
    const to = id === writer ? instances.find((instance) => instance.id !== writer)?.id : id;
    await rig.aurelay.admin.switchover(rig.engine.cluster, to ?? id);
    return null;
  } catch (error) {
    if (error instanceof AdminFailure) return error.message;
    throw error;
  }
}
