import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Channel, ServerStatus } from '../../../src/engines/mysql/dialects/dialect.ts';
import { observationOf } from '../../../src/engines/mysql/observation.ts';
import { positionOfLists } from '../../../src/engines/mysql/position.ts';
import type { SemiSync, SemiSyncReplica, SemiSyncSource } from '../../../src/engines/mysql/semi-sync.ts';

const version = { flavor: 'mariadb', major: 11, minor: 8, patch: 2, name: 'MariaDB 11.8.2' } as const;
const channel: Channel = {
  name: '',
  source: { host: 'db1', port: 3306 },
  user: 'repl',
  receiving: 'running',
  receiveError: null,
  applying: true,
  applyError: null,
  secondsBehind: 2,
  usesGtid: true,
  usesTls: false,
  caughtUp: true,
  signsOfLife: '',
};
const source: SemiSyncSource = {
  names: { enabled: '', timeout: '', waitPoint: '', waitForAbsent: '', count: '' },
  enabled: true,
  waits: true,
  count: 2,
  clients: 3,
  waiting: 0,
  isPatient: true,
};
const replica: SemiSyncReplica = { enabledName: '', enabled: true, acknowledges: true };
let semiSync: SemiSync = { source, replica };
const observe = (writable: boolean, ...channels: readonly Channel[]) => {
  const status: ServerStatus = {
    writable,
    identity: '1',
    executed: positionOfLists(['0-1-5']),
    held: positionOfLists(['0-1-7']),
    channels,
    semiSync,
  };
  return observationOf(status, version, 0.5);
};
const refused = { errno: 2003, message: 'cannot connect' };
const denied = { errno: 1045, message: 'access denied' };
const broken = { errno: 1062, message: 'duplicate entry' };

test('a writer takes writes and replicates from nobody', () => {
  assert.deepEqual(observe(true), {
    role: 'writer',
    writable: true,
    identity: '1',
    timeline: null,
    position: '0-1-7',
    lagSeconds: 0,
    replication: null,
    acknowledgement: { count: 2, from: null, connected: 3, most: null },
    version: 'MariaDB 11.8.2',
  });
});

test('everything else is a replica, and says whether it would take a write', () => {
  const roles = [observe(false), observe(false, channel), observe(true, channel)];
  assert.deepEqual(
    roles.map(({ role, writable }) => [role, writable]),
    [
      ['replica', false],
      ['replica', false],
      ['replica', true],
    ],
  );
});

test('the lag is known only while transactions are applied and come in', () => {
  assert.equal(observe(false, channel).lagSeconds, 2);
  assert.equal(observe(false, { ...channel, applying: false }).lagSeconds, null);
  assert.equal(observe(false, { ...channel, receiving: 'connecting', secondsBehind: null }).lagSeconds, null);
  assert.equal(observe(false).lagSeconds, null);
  assert.equal(observe(false, channel, { ...channel, name: 'b', secondsBehind: 9 }).lagSeconds, 9);
});

test('a replica streams while it is connected to every source', () => {
  const streaming = (...channels: readonly Channel[]) => observe(false, ...channels).replication?.streaming;
  assert.equal(streaming(channel), true);
  assert.equal(streaming({ ...channel, receiving: 'connecting' }), false);
  assert.equal(streaming(channel, { ...channel, name: 'b', receiving: 'stopped' }), false);
});

test('an error is told where waiting does not mend it', () => {
  const error = (change: Partial<Channel>) => observe(false, { ...channel, ...change }).replication?.error;
  assert.equal(error({ receiving: 'connecting', receiveError: refused }), null);
  assert.equal(error({ receiving: 'connecting', receiveError: denied }), 'access denied');
  assert.equal(error({ receiving: 'stopped', receiveError: refused }), 'cannot connect');
  assert.equal(error({ receiving: 'running', receiveError: denied }), null, 'an error of the past');
  assert.equal(error({ applying: false, applyError: broken }), 'duplicate entry');
  assert.equal(error({ applying: true, applyError: broken }), null);
  assert.equal(error({ applying: false }), null, 'stopped by somebody');
});

test('what a commit waits for, on a writer', () => {
  const acknowledgement = (change: Partial<SemiSyncSource> | null) => {
    semiSync = { source: change === null ? null : { ...source, ...change }, replica };
    return observe(true).acknowledgement;
  };
  assert.equal(acknowledgement(null), null);
  assert.equal(acknowledgement({ waits: false })?.count, 0, 'it gave up');
  assert.deepEqual(acknowledgement({ count: null }), { count: 1, from: null, connected: 3, most: 1 });
  assert.equal(observe(false, channel).acknowledgement, null);
});

test('a replica acknowledges where its receiver took that over', () => {
  const acknowledges = (one: SemiSyncReplica | null, change: Partial<Channel> = {}) => {
    semiSync = { source: null, replica: one };
    return observe(false, { ...channel, ...change }).replication?.acknowledges;
  };
  assert.equal(acknowledges(replica), true);
  assert.equal(acknowledges({ ...replica, acknowledges: false }), false);
  assert.equal(acknowledges({ ...replica, acknowledges: false }, { receiving: 'stopped' }), true);
  assert.equal(acknowledges({ ...replica, enabled: false }), false);
  assert.equal(acknowledges(null), false);
});

test('a receiver that was stopped is told from one that stopped by itself', () => {
  const stopped = (change: Partial<Channel>) =>
    observe(false, { ...channel, ...change }).replication?.stopped;
  assert.equal(stopped({}), false);
  assert.equal(stopped({ receiving: 'connecting', receiveError: refused }), false);
  assert.equal(stopped({ receiving: 'stopped' }), true);
  assert.equal(stopped({ receiving: 'stopped', receiveError: refused }), true, 'its source was gone already');
  assert.equal(stopped({ receiving: 'stopped', receiveError: { errno: 1236, message: 'purged' } }), false);
});
