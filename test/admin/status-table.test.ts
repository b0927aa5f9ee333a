import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import type { ClusterJson } from '../../src/admin/api.ts';
import { statusTable } from '../../src/admin/status-table.ts';
import { clusterJson as cluster, endpointJson as endpoint, instanceJson as instance } from './status-json.ts';

const lines = (clusters: readonly ClusterJson[], width = 80) =>
  statusTable(clusters, { width }).trimEnd().split('\n');

test('quorum durability stands in the header', () => {
  const durability = { mode: 'quorum', copies: 3, write_quorum: 2, secured: 2, acknowledging: 3 } as const;
  const header = (state: 'secured' | 'lost') => lines([cluster({ durability: { ...durability, state } })])[0];
  assert.match(header('secured') ?? '', /quorum 2\/3 secured$/);
  assert.match(header('lost') ?? '', /quorum 2\/3 lost \(3 there\)$/);
});

test('a stable cluster is a header and two tables', () => {
  assert.deepEqual(lines([cluster({})]), [
    'orders  postgres  stable  epoch 7  writer orders-1',
    '  INSTANCE  ROLE     HEALTH   LAG   SESSIONS',
    '  orders-1  writer   healthy  -     0',
    '  orders-2  replica  healthy  0.3s  12',
    '  ENDPOINT  TYPE    LISTEN        SESSIONS  HELD  MEMBERS',
    '  writer    writer  0.0.0.0:6432  0         0     orders-1',
    '  reader    reader  0.0.0.0:6432  0         3     orders-2',
  ]);
});

test('what is wrong is said', () => {
  const text = statusTable(
    [
      cluster({
        phase: 'operator-required',
        reason: 'no candidate: every replica is behind',
        writer: null,
        mode: 'observe',
        instances: [
          instance({
            role: null,
            health: 'down',
            zone: 'a',
            last_failure: { reason: 'refused', detail: 'no' },
          }),
          instance({ id: 'orders-2', drained: true, replicating: false, lag_seconds: 7500 }),
          instance({ id: 'orders-3', deposed: true, replicating: false, lag_seconds: null }),
          instance({ id: 'orders-4', role: null, health: 'unknown' }),
          instance({
            id: 'orders-6',
            replicating: false,
            withheld: 'Patroni on 10.0.0.1:8008 does not call it the leader: HTTP 503',
          }),
          instance({ id: 'orders-5', last_failure: { reason: 'timeout', detail: 'long ago' } }),
        ],
        endpoints: [
          endpoint({ members: [] }),
          endpoint({ name: 'reader', listening: false, listen_error: 'address in use' }),
        ],
      }),
    ],
    { width: 100 },
  );
  assert.match(text, /^orders {2}postgres \(observe\) {2}operator-required {2}epoch 7 {2}no writer$/m);
  assert.match(text, /^ {2}no candidate: every replica is behind$/m);
  assert.match(text, /^ {2}orders-1 +- +down +0s +0 +a +refused: no$/m);
  assert.match(text, /^ {2}orders-2 +replica +healthy +2h +0 +drained, not replicating$/m);
  assert.match(text, /^ {2}orders-3 +replica +healthy +- +0 +deposed$/m);
  assert.match(text, /^ {2}orders-4 .* not seen yet$/m);
  assert.match(text, /^ {2}orders-6 +replica .* Patroni on 10\.0\.0\.1:8008 does not/m);
  assert.doesNotMatch(text, /long ago/);
  assert.match(text, /^ {2}writer .* none$/m);
  assert.match(text, /^ {2}reader .* not listening: address in use$/m);
});

test('an instance that a single endpoint leaves out says which, and why', () => {
  const late = [{ instance: 'orders-2', why: 'lagging' }];
  const text = lines([
    cluster({
      instances: [
        instance({ role: 'writer' }),
        instance({ id: 'orders-2', lag_seconds: 40 }),
        instance({ id: 'orders-3', drained: true }),
      ],
      endpoints: [
        endpoint({}),
        endpoint({ name: 'reader', out: [...late, { instance: 'orders-3', why: 'drained' }] }),
        endpoint({ name: 'reports', out: late }),
        endpoint({ name: 'loose' }),
      ],
    }),
  ]);
  assert.match(text[3] ?? '', /40s +0 +lagging \(reader, reports\)$/);
  assert.match(text[4] ?? '', / drained$/);
});

test('host names have a column where an endpoint has one', () => {
  const named = endpoint({ name: 'reader', hostname: 'ro.orders.example' });
  const shown = lines([cluster({ endpoints: [endpoint({}), named] })]);
  assert.match(shown.at(-3) ?? '', /MEMBERS +HOST NAME$/);
  assert.match(shown.at(-2) ?? '', / orders-1$/);
  assert.match(shown.at(-1) ?? '', / orders-1 +ro\.orders\.example$/);
});

test('a cluster of sixteen with a long reason fits 80 × 24', () => {
  const instances = Array.from({ length: 16 }, (_, at) =>
    instance({
      id: `inventory-db-${at + 1}`,
      role: at === 0 ? 'writer' : 'replica',
      health: at > 12 ? 'down' : 'healthy',
      zone: 'eu-central-1a',
      sessions: 1000,
      lag_seconds: 59.9,
      last_failure: {
        reason: 'unreachable',
        detail: 'connect EHOSTUNREACH 10.0.0.1:5432, and so on, and on',
      },
    }),
  );
  const members = instances.map(({ id }) => id);
  const shown = lines([
    cluster({
      name: 'inventory',
      phase: 'operator-required',
      reason: 'the candidate could not be promoted, and nobody knows why it did not take writes: '.repeat(4),
      instances,
      endpoints: ['writer', 'reader', 'analytics'].map((name) => endpoint({ name, members })),
    }),
  ]);
  assert.ok(shown.length <= 23, `${shown.length} lines, and one for the prompt`);
  assert.ok(shown.every((line) => line.length <= 80));
  for (const id of members) assert.ok(shown.some((line) => line.startsWith(`  ${id} `)));
  assert.ok(shown.some((line) => line.includes('16 of 16')));
});

test('lines stay within the width and one line each, whatever the names and messages', () => {
  const words = fc.string({ unit: 'grapheme', maxLength: 60 });
  fc.assert(
    fc.property(words, words, words, fc.integer({ min: 20, max: 120 }), (id, detail, reason, width) => {
      const broken = cluster({
        name: id,
        reason,
        instances: [instance({ id, health: 'down', last_failure: { reason: 'reset', detail } })],
        endpoints: [endpoint({ members: [id], listen_error: detail, listening: false })],
      });
      const shown = lines([broken], width);
      assert.ok(shown.length <= 1 + 2 + 2 + 2);
      for (const line of shown) {
        assert.ok(line.length <= width, line);
        assert.doesNotMatch(line, /\p{Cc}/u);
      }
    }),
  );
});

test("a server's words cannot move the cursor", () => {
  const detail = 'evil\u001b[2J\r\nline';
  const text = statusTable([
    cluster({ instances: [instance({ health: 'down', last_failure: { reason: 'reset', detail } })] }),
  ]);
  assert.match(text, /reset: evil \[2J line/);
});

test('colours change nothing but the colours', () => {
  const clusters = [cluster({ phase: 'promoting', reason: 'why', writer: null }), cluster({})];
  const coloured = statusTable(clusters, { colours: true });
  assert.ok(coloured.includes('\u001b[32mhealthy\u001b[0m'));
  assert.equal(stripVTControlCharacters(coloured), statusTable(clusters));
});

test('no clusters is said', () => {
  assert.equal(statusTable([]), 'no clusters are configured\n');
});
