import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { simulate } from '../test/simulation/simulation.ts';

/**
 * `npm run simulate -- [--seeds N] [--from SEED] [--jobs N]`: that many simulated disasters. The first that breaks an
 * invariant is printed with its trace, and the exit code is 1; `--seeds 1 --from SEED` plays it again.
 */
function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`);
  if (at === -1) return otherwise;
  const value = Number(process.argv[at + 1]);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`--${name} takes a whole number above 0`);
  process.exit(2);
}

async function work(from: number, seeds: number, every: number): Promise<void> {
  for (let seed = from; seed < from + seeds; seed += every) {
    const { forced, promised } = await simulate(seed);
    process.send?.({ forced, isQuorum: promised > 0 || forced });
  }
}

async function share(from: number, seeds: number, jobs: number): Promise<void> {
  const startedAt = Date.now();
  let done = 0;
  let forcedWorlds = 0;
  let quorumWorlds = 0;
  const workers = Array.from({ length: jobs }, (_, job) => {
    const child = fork(import.meta.filename, [], {
      env: { ...process.env, SIMULATE: `${from + job},${seeds - job},${jobs}` },
    });
    child.on('message', (world: { readonly forced: boolean; readonly isQuorum: boolean }) => {
      done += 1;
      if (world.forced) forcedWorlds += 1;
      if (world.isQuorum) quorumWorlds += 1;
      if (done % 1_000 === 0)
        console.log(`${done} of ${seeds} seeds, ${Math.round((Date.now() - startedAt) / 1000)} s`);
    });
    return new Promise<number | null>((resolve) => child.on('exit', resolve));
  });
  const codes = await Promise.all(workers);
  const failed = codes.filter((code) => code !== 0).length;
  console.log(
    `${done} seeds from ${from} without a violation${failed > 0 ? `, and ${failed} with one` : ''}`,
  );
  console.log(
    `${quorumWorlds} of them with a write quorum, of which ${forcedWorlds} needed somebody to go on at whatever loss`,
  );
  process.exit(failed === 0 ? 0 : 1);
}

const given = process.env.SIMULATE;
if (given === undefined) {
  await share(option('from', 1), option('seeds', 1_000), option('jobs', availableParallelism()));
} else {
  const [from, seeds, every] = given.split(',').map(Number) as [number, number, number];
  try {
    await work(from, seeds, every);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
