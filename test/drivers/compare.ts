import type { TestResult } from './test-result.ts';

export interface Difference {
  readonly test: string;
  /** `absent`: the file did not come to it. */
  readonly direct: TestResult['outcome'] | 'absent';
  readonly endpoint: TestResult['outcome'] | 'absent';
}

/** Which tests of one file came out otherwise. Tests of the same name are told apart by their order. */
export function compareResults(
  direct: readonly TestResult[],
  endpoint: readonly TestResult[],
): readonly Difference[] {
  const [left, right] = [byName(direct), byName(endpoint)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((test) => {
    const row = { test, direct: left.get(test) ?? 'absent', endpoint: right.get(test) ?? 'absent' } as const;
    return row.direct === row.endpoint ? [] : [row];
  });
}

function byName(results: readonly TestResult[]): ReadonlyMap<string, TestResult['outcome']> {
  const named = new Map<string, TestResult['outcome']>();
  for (const { name, outcome } of results) {
    let key = name;
    for (let number = 2; named.has(key); number++) key = `${name} #${number}`;
    named.set(key, outcome);
  }
  return named;
}
