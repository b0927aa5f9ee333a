import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemdNotifier } from '../../src/systemd-notifier.ts';
import { eventually } from '../support/eventually.ts';

/** A program in the place of systemd-notify that writes down what it is told. */
function recorder(t: TestContext, status = 0): { readonly program: string; told(): string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'aurelay-notify-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [program, record] = [join(folder, 'notify'), join(folder, 'record')];
  writeFileSync(record, '');
  writeFileSync(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> '${record}'\nexit ${status}\n`);
  chmodSync(program, 0o755);
  return { program, told: () => readFileSync(record, 'utf8').trim().split('\n').filter(Boolean) };
}

test('systemd is told in order, and children are not asked to', { timeout: 60_000 }, async (t) => {
  const { program, told } = recorder(t);
  const env: NodeJS.ProcessEnv = { NOTIFY_SOCKET: '/run/n', WATCHDOG_USEC: '40000', PATH: process.env.PATH };
  const troubles: string[] = [];
  const systemd = systemdNotifier(env, (why) => troubles.push(why), program);
  assert.deepEqual(Object.keys(env), ['PATH']);
  systemd.ready();
  await eventually(
    'the watchdog is fed',
    () => told().filter((line) => line.includes('WATCHDOG=1')).length > 2,
  );
  systemd.reloading();
  systemd.ready();
  systemd.stopping();
  await eventually('the end is told', () => told().includes('/run/n STOPPING=1'));
  const milestones = told().filter((line) => !line.includes('WATCHDOG'));
  assert.equal(milestones.length, 4);
  assert.equal(milestones[0], '/run/n READY=1');
  assert.match(milestones[1] ?? '', /^\/run\/n RELOADING=1 MONOTONIC_USEC=\d{6,}$/);
  assert.equal(milestones[2], '/run/n READY=1');
  assert.equal(milestones[3], '/run/n STOPPING=1');
  assert.deepEqual(troubles, []);
});

test('where nobody asks, nothing runs; where nobody can be told, that is said once', {
  timeout: 60_000,
}, async (t) => {
  const { program, told } = recorder(t, 1);
  const troubles: string[] = [];
  systemdNotifier({}, (why) => troubles.push(why), program).ready();
  const failing = systemdNotifier({ NOTIFY_SOCKET: '/x' }, (why) => troubles.push(why), program);
  failing.ready();
  failing.stopping();
  const missing = systemdNotifier(
    { NOTIFY_SOCKET: '/x' },
    (why) => troubles.push(why),
    `${program}-not-there`,
  );
  missing.ready();
  await eventually('both have complained', () => troubles.length === 2);
  await eventually('all is told', () => told().length === 2);
  assert.equal(troubles.length, 2);
  assert.match(troubles.join(), /ended with 1/);
  assert.match(troubles.join(), /ENOENT/);
});
