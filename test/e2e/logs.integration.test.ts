import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { after, before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import type { EmbeddedCluster } from '../../src/demo/cluster.ts';
import { checkedLine, type LogLine } from '../log/line-check.ts';
import { connect, engineCalled } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { type AurelayProcess, spawnAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';

const engine = await engineCalled('postgres');
assert(engine !== undefined);

const password = 'never-in-the-log';
const flooding = 400;
/** A startup message of PostgreSQL's, as `app`. */
const startup = Buffer.from('\0\0\0\x12\0\x03\0\0user\0app\0\0', 'latin1');

/** A life of Aurelay with everything in it that somebody may want to read of later, and what its log said. */
describe('the log of a real Aurelay', { skip: engine.skip, timeout: 120_000 }, () => {
  const scope = scopeOf({ after });
  let cluster: EmbeddedCluster;
  let aurelay: AurelayProcess;
  let lines: readonly LogLine[] = [];

  const linesOf = (event: string, about: Readonly<Record<string, unknown>> = {}): readonly LogLine[] =>
    lines.filter(
      (line) => line.event === event && Object.entries(about).every(([name, value]) => line[name] === value),
    );
  const readLines = (): readonly LogLine[] => aurelay.log().trimEnd().split('\n').map(checkedLine);
  const edit = async (change: (config: Config) => void): Promise<void> => {
    const config = parse(await readFile(aurelay.file, 'utf8')) as Config;
    change(config);
    await writeFile(aurelay.file, stringify(config));
  };

  before(async () => {
    cluster = await engine.start(scope, { replicas: 2 });
    aurelay = await spawnAurelay(scope, {
      cluster,
      health: { interval: '100ms' },
      endpoints: {
        writer: { type: 'writer' },
        reader: { type: 'reader', max_lag: '5s', slow_start: '0s' },
        closed: { type: 'reader', deny: ['127.0.0.0/8'] },
      },
    });
  });

  it('is what the tables say, line by line', async () => {
    await flood(aurelay.port('closed'), startup);
    await flood(aurelay.port('writer'), Buffer.from(`GET /?password=${password} HTTP/1.1\r\n\r\n`));

    await aurelay.admin.drain(engine.id(3), true);
    await aurelay.admin.drain(engine.id(3), false);
    await assert.rejects(aurelay.admin.switchover('pg', engine.id(1)));

    await edit((config) => {
      config.log = { level: 'debug' };
      if (config.clusters.pg !== undefined) config.clusters.pg.failover.hold = '20s';
    });
    await aurelay.admin.reload();
    await (await connect(engine, aurelay.port('writer'))).close();
    await edit((config) => {
      config.log = { level: 'info' };
      if (config.clusters.pg !== undefined) config.clusters.pg.monitor.password = password;
      Object.assign(config, { nonsense: 1 });
    });
    await assert.rejects(aurelay.admin.reload());
    await edit((config) => {
      delete (config as Partial<Record<'nonsense', unknown>>).nonsense;
      config.log = { level: 'info' };
      delete config.clusters.pg?.monitor.password;
    });
    await aurelay.admin.reload();

    cluster.instances[0]?.kill('SIGKILL');
    await aurelay.untilEvent('failover.completed');
    await eventually('the cluster is stable', async () => (await aurelay.status()).phase === 'stable');
    aurelay.kill('SIGTERM');
    assert.equal(await aurelay.ended(), 0);
    lines = readLines();
  });

  it('begins and ends as the process does', () => {
    assert.equal(lines[0]?.event, 'start');
    assert.equal(lines.at(-1)?.event, 'shutdown.drained');
    for (const event of ['admin.listening', 'ready', 'signal', 'shutdown.started']) {
      assert.equal(linesOf(event).length, 1, event);
    }
    assert.equal(new Set(lines.map((line) => line['service.instance.id'])).size, 1);
  });

  it('has a line for each change of state, and no other', () => {
    const [old, other] = [engine.id(1), engine.id(3)];
    const once: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
      ['writer.elected', {}],
      ...[1, 2, 3].map((n) => ['instance.up', { instance: engine.id(n) }] as const),
      ['admin.command', { command: `drain ${other} --cluster pg` }],
      ['admin.command', { command: `undrain ${other} --cluster pg` }],
      ['admin.command-refused', { reason: 'conflict' }],
      ['instance.down', { instance: old }],
      ['instance.suspect', { instance: old }],
      ['writer.suspected', {}],
      ['failover.started', {}],
      ['failover.completed', { from: old, to: engine.id(2), kind: 'failover' }],
      ['config.rejected', { outcome: 'invalid' }],
      // The cluster, whose hold time changed.
      ['config.reloaded', { cluster: 'pg', rule: 'reconfigured' }],
    ];
    for (const [event, about] of once) {
      assert.equal(linesOf(event, about).length, 1, `${event} ${JSON.stringify(about)}`);
    }
    assert.equal(linesOf('instance.drained', { instance: other }).length, 2, 'in and out');
    assert.equal(linesOf('config.reloaded', { trigger: 'api' }).length, 2);
    const numbers = lines.filter((line) => 'seq' in line).map((line) => line.seq);
    assert.deepEqual(
      numbers,
      [...numbers.keys()].map((n) => n + 1),
      'each event once, in its order',
    );
  });

  it('tells of a flood of clients in a few lines, and of all of them', () => {
    const seconds = performance.now() / 1000;
    for (const [endpoint, reason] of [
      ['closed', 'client_denied'],
      ['writer', 'protocol_violation'],
    ] as const) {
      const told = linesOf('client.refused', { endpoint, reason });
      const count = told.reduce((sum, line) => sum + 1 + Number(line.suppressed), 0);
      assert.equal(count, flooding, `${endpoint}: ${reason}`);
      assert.ok(told.length <= 2 + seconds / 10, `${told.length} lines in ${seconds} s`);
      assert.equal(told[0]?.['client.address'], '127.0.0.1');
    }
  });

  it('has a line for a session only at debug', () => {
    const noted = linesOf('session.noted').length;
    assert.ok(noted >= 2, 'its beginning and its end');
    assert.ok(noted < 20, `${noted}: not while the level was info`);
  });

  it('has no secret in it', () => {
    assert.ok(!aurelay.log().includes(password));
  });
});

interface Config {
  log?: { level: string };
  clusters: Record<string, { failover: Record<string, unknown>; monitor: Record<string, unknown> }>;
}

/** Clients that say `words`, and wait until they are shown the door. */
async function flood(port: number, words: Uint8Array): Promise<void> {
  const one = () =>
    new Promise<void>((resolve) => {
      const socket = connectSocket(port, '127.0.0.1', () => socket.write(words));
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.resume();
    });
  for (let sent = 0; sent < flooding; sent += 50) await Promise.all(Array.from({ length: 50 }, one));
}
