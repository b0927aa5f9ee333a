import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Channel, ServerStatus } from '../../../src/engines/mysql/dialects/dialect.ts';
import { mariadbDialect } from '../../../src/engines/mysql/dialects/mariadb.ts';
import { positionOfLists } from '../../../src/engines/mysql/position.ts';
import { promote } from '../../../src/engines/mysql/promote.ts';
import type { Session } from '../../../src/engines/mysql/session.ts';

const channel: Channel = {
  name: '',
  source: { host: 'db1', port: 3306 },
  user: 'repl',
  receiving: 'connecting',
  receiveError: null,
  applying: true,
  applyError: null,
  secondsBehind: null,
  usesGtid: true,
  usesTls: false,
  caughtUp: true,
  signsOfLife: '',
};
const statusOf = (executed: string, held: string, ...channels: readonly Channel[]): ServerStatus => ({
  writable: false,
  identity: '2',
  executed: positionOfLists([executed]),
  held: positionOfLists([held]),
  channels,
  semiSync: { source: null, replica: null },
});

/** A session in which the server says `statuses` one after the other, and the last one again and again. */
function scripted(...statuses: readonly ServerStatus[]): Session & { readonly ran: string[] } {
  const ran: string[] = [];
  let next = 0;
  return {
    ran,
    dialect: mariadbDialect,
    connectionId: 1,
    user: 'watcher',
    remainingMs: () => Math.max(0, 100 - next),
    run: async (_, statement) => {
      ran.push(typeof statement === 'string' ? statement : statement.sql);
      return [];
    },
    status: async () => statuses[Math.min(next++, statuses.length - 1)] as ServerStatus,
    pause: async () => {},
    beside: () => assert.fail('nothing is done beside it'),
  };
}

const lagging = { ...channel, caughtUp: false };

test('writes are allowed only when all that was received is applied and the source is forgotten', async () => {
  const session = scripted(
    statusOf('0-1-5', '0-1-7', lagging),
    statusOf('0-1-6', '0-1-8', lagging),
    statusOf('0-1-7', '0-1-8', lagging),
    statusOf('0-1-8', '0-1-8', channel),
  );
  assert.equal(await promote(session, null), '0-1-8');
  assert.deepEqual(session.ran, [
    "STOP SLAVE '' IO_THREAD",
    "STOP SLAVE ''",
    "RESET SLAVE '' ALL",
    'SET GLOBAL read_only = OFF',
  ]);
});

test('an applier that stands still is started before the receiver is stopped', async () => {
  const session = scripted(
    statusOf('0-1-5', '0-1-7', { ...lagging, applying: false }),
    statusOf('0-1-7', '0-1-7', channel),
  );
  await promote(session, null);
  assert.deepEqual(session.ran.slice(0, 2), ["START SLAVE '' SQL_THREAD", "STOP SLAVE '' IO_THREAD"]);
});

const refused = async (session: Session & { readonly ran: string[] }, why: RegExp): Promise<void> => {
  await assert.rejects(promote(session, null), why);
  assert.ok(!session.ran.some((sql) => /RESET|read_only/.test(sql)), session.ran.join('; '));
};

test('a server that cannot apply what it received stays a replica', async () => {
  const broken = { ...lagging, applying: false, applyError: { errno: 1062, message: 'duplicate entry' } };
  await refused(
    scripted(statusOf('0-1-5', '0-1-7', lagging), statusOf('0-1-5', '0-1-7', broken)),
    /cannot apply what it has received: duplicate entry/,
  );
});

test('a server that does not get done in time stays a replica', async () => {
  await refused(scripted(statusOf('0-1-5', '0-1-7', lagging)), /was applied in time/);
});

test('received transactions that vanished end the promotion, though nothing is left to apply', async () => {
  await refused(
    scripted(statusOf('0-1-5', '0-1-7', lagging), statusOf('0-1-5', '0-1-5', channel)),
    /received up to 0-1-7, but holds 0-1-5 only/,
  );
});

test('a server that replicates from several sources is left alone', async () => {
  await refused(
    scripted(statusOf('0-1-5', '0-1-5', channel, { ...channel, name: 'other' })),
    /replicates from 2 sources \("", "other"\)/,
  );
});
