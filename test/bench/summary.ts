/** One figure of one contestant in one round. */
export interface Sample {
  /** `pgbench prepared, 8 clients`: what was run. */
  readonly load: string;
  /** `tps`, `p50`, …: what was measured of it. */
  readonly figure: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly contestant: string;
  readonly round: number;
  readonly value: number;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** How many rounds it is of. */
  readonly rounds: number;
}

/** One figure of one contestant over all rounds. */
export interface Summary {
  readonly load: string;
  readonly figure: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly contestant: string;
  readonly value: Spread;
  /** Its value divided by the yardstick's of the same round; null where there is none. */
  readonly ratio: Spread | null;
  /** What it adds to the value of `direct` in the same round; null where nothing ran directly. */
  readonly added: Spread | null;
}

export const direct = 'direct';

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => {
    const value = sorted[index];
    if (value === undefined) throw new Error('no values');
    return value;
  };
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    least: at(0),
    most: at(sorted.length - 1),
    rounds: sorted.length,
  };
}

/** The smallest value that at least `share` of them do not exceed (nearest rank). `sorted` ascends. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error('no values');
  return value;
}

/** Compares within a round only: the machine of another round may have been busy with something else. */
export function summarise(samples: readonly Sample[], yardstick: string): Summary[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = [sample.load, sample.figure, sample.contestant].join('\0');
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  return [...groups.values()].map((own) => {
    const { load, figure, unit, better, contestant } = own[0] as Sample;
    const paired = (other: string, combine: (value: number, others: number) => number): Spread | null => {
      const values = own.flatMap(({ round, value }) => {
        const match = samples.find(
          (sample) =>
            sample.load === load &&
            sample.figure === figure &&
            sample.contestant === other &&
            sample.round === round,
        );
        return match === undefined ? [] : [combine(value, match.value)];
      });
      const finite = values.filter(Number.isFinite);
      return finite.length === 0 ? null : spread(finite);
    };
    return {
      ...{ load, figure, unit, better, contestant },
      value: spread(own.map(({ value }) => value)),
      ratio: paired(yardstick, (value, others) => value / others),
      added: contestant === direct ? null : paired(direct, (value, base) => value - base),
    };
  });
}
