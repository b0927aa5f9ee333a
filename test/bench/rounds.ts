import type { Contestant } from './contestant.ts';
import type { Ground, Load } from './measure.ts';
import type { Sample } from './summary.ts';

/**
 * Runs every load over every contestant in each round, and begins each round with another contestant: what else the
 * machine does then falls on all of them alike.
 */
export async function runRounds(
  contestants: readonly Contestant[],
  loads: readonly Load[],
  ground: Ground,
  rounds: number,
  say: (line: string) => void,
): Promise<Sample[]> {
  for (const load of loads) {
    await load.prepare?.(ground);
    for (const contestant of contestants.filter((each) => load.suits(each)))
      await load.warmUp?.(contestant, ground);
  }
  const samples: Sample[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const load of loads) {
      const suited = contestants.filter((contestant) => load.suits(contestant));
      for (const contestant of rotated(suited, round)) {
        const own = await runOnce(load, contestant, ground, round, say);
        samples.push(...own);
        say(`round ${round}  ${load.name}  ${contestant.name}: ${own.map(short).join(', ')}`);
      }
    }
  }
  return samples;
}

async function runOnce(
  load: Load,
  contestant: Contestant,
  ground: Ground,
  round: number,
  say: (line: string) => void,
): Promise<Sample[]> {
  try {
    const figures = await load.run(contestant, ground);
    return figures.map((figure) => ({
      ...figure,
      load: load.name,
      contestant: contestant.name,
      round,
    }));
  } catch (error) {
    say(`${load.name} failed over ${contestant.name}: ${error instanceof Error ? error.message : error}`);
    return [];
  }
}

const rotated = <Item>(items: readonly Item[], by: number): Item[] => {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
};

const short = ({ figure, value, unit }: Sample): string =>
  `${figure} ${Number(value.toPrecision(4))} ${unit}`;
