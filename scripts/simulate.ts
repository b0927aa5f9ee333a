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
    await simulate(seed);
    process.send?.(1);
  }
}

async function share(from: number, seeds: number, jobs: number): Promise<void> {
  const startedAt = Date.now();
  let done = 0;
  const workers = Array.from({ length: jobs }, (_, job) => {
    const child = fork(import.meta.filename, [], {
      env: { ...process.env, SIMULATE: `${from + job},${seeds - job},${jobs}` },
    });
    child.on('message', () => {
      done += 1;
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
