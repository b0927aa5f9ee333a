import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionOf, durabilityWords, stateWord, summaryOf, titleOf } from '../../dashboard/src/trouble.ts';
import type { ClusterJson } from '../../src/admin/api.ts';
import { clusterJson, endpointJson, instanceJson } from '../admin/status-json.ts';

const quorum = (state: 'securing' | 'secured' | 'lost' | 'degraded', acknowledging: number | null = 3) =>
  ({ mode: 'quorum', copies: 3, write_quorum: 2, secured: 2, acknowledging, state }) as const;
const brief = (changes: Partial<ClusterJson>) => {
  const { level, headline } = conditionOf(clusterJson(changes));
  return [level, headline];
};

test('every phase has its level and its words', () => {
  assert.deepEqual(brief({}), ['ok', 'All is well']);
  for (const phase of ['starting', 'suspect', 'fencing', 'promoting', 'verifying']) {
    const [level, headline] = brief({ phase, writer: null });
    assert.equal(level, 'busy', phase);
    assert.notEqual(headline, phase);
  }
  for (const phase of ['cut-off', 'operator-required']) assert.equal(brief({ phase })[0], 'bad', phase);
  assert.deepEqual(brief({ writer: null }), ['bad', 'There is no writer']);
});

test('the reason stands as Aurelay said it: it may begin with the id of an instance', () => {
  const { details } = conditionOf(clusterJson({ phase: 'suspect', reason: 'pg-1 does not answer' }));
  assert.deepEqual(details, ['pg-1 does not answer.']);
});

test('an endpoint that does not listen and a quorum that is lost are trouble, whatever the phase', () => {
  const shut = endpointJson({ listening: false, listen_error: 'EADDRINUSE' });
  const condition = conditionOf(clusterJson({ endpoints: [shut] }));
  assert.equal(condition.level, 'bad');
  assert.deepEqual(condition.details, ['Endpoint writer does not listen on 0.0.0.0:6432: EADDRINUSE.']);
  assert.equal(brief({ durability: quorum('lost', 1) })[0], 'bad');
  assert.equal(brief({ durability: quorum('degraded', 1) })[0], 'bad');
  assert.equal(brief({ durability: quorum('securing') })[0], 'notice');
  assert.equal(brief({ durability: quorum('secured') })[0], 'ok');
  assert.equal(
    durabilityWords(clusterJson({ durability: quorum('lost', 1) })),
    '2 of 3 copies, lost (1 there)',
  );
  assert.equal(durabilityWords(clusterJson({})), null);
});

test('instances that are not well are named, many are counted', () => {
  const down = (number: number) => instanceJson({ id: `orders-${number}`, health: 'down' });
  const writer = instanceJson({ role: 'writer' });
  assert.deepEqual(brief({ instances: [writer, down(2), instanceJson({ id: 'orders-3', drained: true })] }), [
    'notice',
    'orders-2 is down; orders-3 is drained',
  ]);
  assert.deepEqual(brief({ instances: [writer, ...[2, 3, 4, 5].map(down)] })[1], '4 instances are down');
  const stranded = instanceJson({ id: 'orders-2', replicating: false });
  assert.equal(stateWord(stranded, 'orders-1'), 'not replicating');
  assert.equal(stateWord(instanceJson({ replicating: false }), 'orders-1'), 'healthy');
  assert.equal(stateWord(instanceJson({ health: 'down', deposed: true, drained: true }), null), 'down');
});

test('the tab says what is worst, and that nobody knows', () => {
  const well = clusterJson({ name: 'well' });
  const bad = clusterJson({ name: 'sick', phase: 'operator-required' });
  assert.equal(titleOf([well], true), 'Aurelay');
  assert.equal(titleOf([well, bad], true), '! sick: An operator is needed · Aurelay');
  assert.match(titleOf([well], false), /not connected/);
  assert.deepEqual(summaryOf([well, bad]), { level: 'bad', words: 'sick: An operator is needed' });
  assert.deepEqual(summaryOf([bad, bad]), { level: 'bad', words: '2 clusters need you' });
  assert.deepEqual(summaryOf([]), { level: 'ok', words: 'No clusters are configured' });
});
