import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chart } from './chart.ts';
import { readLatencies, readPrinted } from './pgbench.ts';
import { percentile, type Sample, spread, summarise } from './summary.ts';
import { readSysbench } from './sysbench.ts';
import { table } from './table.ts';

const tps = (contestant: string, round: number, value: number): Sample => ({
  ...{ load: 'pgbench', figure: 'tps', unit: '/s', better: 'higher' },
  ...{ contestant, round, value },
});

describe('the arithmetic of the bench', () => {
  it('takes the median, of an even number the mean of the middle two', () => {
    assert.deepEqual(spread([3, 1, 2]), { median: 2, least: 1, most: 3, rounds: 3 });
    assert.equal(spread([4, 1, 2, 3]).median, 2.5);
    assert.throws(() => spread([]), /no values/);
  });

  it('takes percentiles by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, at) => at + 1);
    assert.deepEqual(
      [percentile(hundred, 0.5), percentile(hundred, 0.99), percentile([7], 0.99)],
      [50, 99, 7],
    );
  });

  it('compares within a round only', () => {
    // The machine was three times as fast in the second round.
    const samples = [
      ...[tps('HAProxy', 1, 100), tps('HAProxy', 2, 300)],
      ...[tps('ours', 1, 110), tps('ours', 2, 270), tps('ours', 3, 999)],
      ...[tps('direct', 1, 150), tps('direct', 2, 450)],
    ];
    const ours = summarise(samples, 'HAProxy').find(({ contestant }) => contestant === 'ours');
    assert.deepEqual(ours?.ratio, { median: 1, least: 0.9, most: 1.1, rounds: 2 });
    assert.deepEqual(ours?.added, { median: -110, least: -180, most: -40, rounds: 2 });
    assert.equal(ours?.value.median, 270);
  });

  it('reads what the load generators print', () => {
    const printed =
      'number of transactions actually processed: 1234\ntps = 56.7 (without initial connection time)\n';
    assert.deepEqual(readPrinted(printed), { tps: 56.7, transactions: 1234 });
    assert.throws(() => readPrinted('pgbench: error'), /printed no/);
    assert.deepEqual(readLatencies(['0 1 300 0 1 1\n0 2 100 0 1 1\n', '1 1 200 0 1 1\n']), [100, 200, 300]);
    const sysbench = `Latency histogram (values are in milliseconds)
       value  ------------- distribution ------------- count
       0.100 |****                                     90
       2.500 |*                                        10

    transactions:                        100    (50.00 per sec.)
`;
    assert.deepEqual(readSysbench(sysbench), { tps: 50, transactions: 100, p50: 0.1, p99: 2.5 });
  });

  it('shows a ratio in the table and in the chart', () => {
    const summary = summarise([tps('HAProxy', 1, 100), tps('ours', 1, 125)], 'HAProxy');
    assert.match(table(summary), /\| pgbench \| tps, \/s \| 100 +\| 125 \(×1\.25\) \|/);
    assert.match(chart(summary), />1\.25</);
  });
});
