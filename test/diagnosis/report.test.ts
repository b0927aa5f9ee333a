import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterId, instanceId } from '../../src/base/brand.ts';
import type { Diagnosis, Finding } from '../../src/diagnosis/diagnose.ts';
import { configureInstance, sql } from '../../src/diagnosis/fix.ts';
import { reportJson, reportText } from '../../src/diagnosis/report.ts';

const orders = clusterId('orders');
const finding = (number: number, change: Partial<Finding> = {}): Finding => {
  const instance = instanceId(`orders-${number}`);
  return {
    severity: 'error',
    rule: 'pg-fsync',
    cluster: orders,
    instance,
    found: 'fsync is off',
    why: 'A power cut or a crash of the machine loses commits, and may leave the data unreadable.',
    fix: [sql(instance, 'ALTER SYSTEM SET fsync = on;', 'SELECT pg_reload_conf();')],
    ...change,
  };
};
const limit = (number: number): Finding =>
  finding(number, {
    severity: 'advice',
    rule: 'max-sessions-unset',
    found: 'its endpoints may bring too many',
    why: 'Why not.',
    fix: [configureInstance(orders, instanceId(`orders-${number}`), `max_sessions: ${number}0`)],
  });

const asked = { servers: 3, answered: 2 };
const options = { colours: false, verbose: false, width: 80, asked };
const diagnosis = (...findings: readonly Finding[]): Diagnosis => ({
  findings,
  passed: [
    { rule: 'pg-monitor', cluster: orders, instance: instanceId('orders-1'), expects: 'it may look' },
    { rule: 'pg-monitor', cluster: orders, instance: instanceId('orders-2'), expects: 'it may look' },
  ],
  notChecked: [
    { rule: 'pg-hba-replication', cluster: orders, instance: instanceId('orders-1'), why: 'not shown' },
  ],
});

test('the same finding of several instances is told once, with the steps of each', () => {
  assert.equal(
    reportText(diagnosis(finding(1), finding(2), limit(1), limit(2)), options),
    `error orders: orders-1, orders-2 [pg-fsync]
  fsync is off
  A power cut or a crash of the machine loses commits, and may leave the data
  unreadable.
  Fix: on each (orders-1, orders-2), as an administrator:
           ALTER SYSTEM SET fsync = on;
           SELECT pg_reload_conf();

advice orders: orders-1, orders-2 [max-sessions-unset]
  its endpoints may bring too many
  Why not.
  Fix: in aurelay.yaml, under clusters.orders.instances:
           orders-1: { …, max_sessions: 10 }
           orders-2: { …, max_sessions: 20 }

2 errors, 2 advice. 2 checks passed, 1 not checked (--verbose lists them); 2 of 3 servers answered.
`,
  );
});

test('findings that differ are told apart', () => {
  const text = reportText(diagnosis(finding(1), finding(2, { found: 'fsync is odd' })), options);
  assert.match(text, /^error orders: orders-1 \[/m);
  assert.match(text, /^error orders: orders-2 \[/m);
});

test('--verbose lists what passed and what was not checked', () => {
  assert.equal(
    reportText(diagnosis(), { ...options, verbose: true }),
    `passed
  it may look [pg-monitor]: orders-1, orders-2

not checked
  orders-1: [pg-hba-replication] not shown

Nothing is wrong. 2 checks passed, 1 not checked; 2 of 3 servers answered.
`,
  );
});

test('colours are of the words only, and lines are as wide as asked for', () => {
  const text = reportText(diagnosis(finding(1)), { ...options, colours: true, width: 60 });
  assert.ok(text.startsWith('\u001b[1;31merror\u001b[0m '));
  const plain = reportText(diagnosis(finding(1)), { ...options, width: 60 });
  for (const line of plain.split('\n').slice(0, -2)) assert.ok(line.length <= 60, line);
});

test('JSON says whether all is well, and every finding by itself', () => {
  const told = JSON.parse(reportJson(diagnosis(finding(1), finding(2)), asked)) as Record<string, unknown>;
  assert.equal(told.ok, false);
  assert.deepEqual(told.servers, asked);
  assert.deepEqual(told.findings, JSON.parse(JSON.stringify([finding(1), finding(2)])));
  assert.equal((JSON.parse(reportJson(diagnosis(limit(1)), asked)) as { ok: boolean }).ok, true);
});
