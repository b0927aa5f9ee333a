import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { narrate, type Story } from '../../src/control/narrate.ts';
import { clusterEvents } from '../../src/log/cluster-events.ts';
import { tellOfCluster } from '../../src/log/cluster-line.ts';
import { type EventRow, levelsOf } from '../../src/log/row.ts';
import { Scenario } from '../cluster/scenario.ts';
import { checkFields } from '../log/line-check.ts';

const folder = new URL('../cluster/scenarios/', import.meta.url);

/** Everything that is told in the golden scenarios, in which every rule of the core fires. */
const told: Story[] = [];
for (const file of readdirSync(folder)) {
  const scenario = new Scenario((before, event, step, policy) => {
    told.push(...narrate(before, event, step, policy));
  });
  for (const line of readFileSync(new URL(file, folder), 'utf8').split('\n')) {
    if (line !== '' && !line.startsWith('    ') && !line.startsWith('#')) scenario.run(line);
  }
}

test('what is told of a cluster is in the table: its level, and every field', () => {
  assert.ok(told.length > 500, `${told.length} stories`);
  for (const story of told) {
    const row: EventRow = clusterEvents[story.name];
    const text = JSON.stringify(story);
    assert.ok(levelsOf(row).includes(story.level), text);
    assert.ok(story.message.length > 3 && !/undefined|\[object|null/.test(story.message), text);
    let fields: object = {};
    const write = (line: object): void => {
      fields = line;
    };
    tellOfCluster(
      { debug: write, info: write, warn: write, error: write, fatal: write },
      { ...story, cluster: 'test', epoch: 1, seq: 1 },
    );
    const common = ['cluster', 'epoch', 'instance', 'rule', 'seq'] as const;
    checkFields({ ...fields }, [...common, ...row.fields], ['event', ...(row.sometimes ?? [])], text);
  }
});

test('the scenarios tell of most events', () => {
  const names = new Set(told.map(({ name }) => name));
  const untold = Object.keys(clusterEvents).filter((name) => !(names as ReadonlySet<string>).has(name));
  // Reports of effects that no rule waits for.
  assert.deepEqual(untold, ['replica.repointed', 'replica.not-repointed', 'quorum.not-set']);
});

test('an instance that is silent in two ways by turns is told of once', () => {
  const names: string[] = [];
  const scenario = new Scenario((before, event, step, policy) => {
    for (const { name, instance } of narrate(before, event, step, policy)) {
      if (instance === 'pg-2') names.push(name);
    }
  });
  const silences = Array.from(
    { length: 20 },
    (_, n) => `fail pg-2 ${n % 2 === 0 ? 'timeout' : 'unreachable'}`,
  );
  for (const line of ['instance pg-1', 'instance pg-2', 'ok pg-1 writer 1', 'ok pg-2 replica 1 from=pg-1']) {
    scenario.run(line);
  }
  for (const line of [...silences, 'fail pg-2 refused', 'fail pg-2 refused']) {
    scenario.run('wait 500');
    scenario.run(line);
  }
  assert.deepEqual(names, ['instance.up', 'instance.suspect', 'instance.down', 'instance.probe-failed']);
});
