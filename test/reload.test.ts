import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { Objection } from '../src/cluster/reconfiguration.ts';
import type { Config } from '../src/config/config.ts';
import { loadConfig } from '../src/config/load.ts';
import { type Reloadable, Reloader } from '../src/reload.ts';
import { systemClock } from '../src/system-clock.ts';

/** A configuration that differs by its `fall`. */
function config(fall: number): Config {
  const text = `{ clusters: { a: { engine: postgres, monitor: { user: m }, failover: { mode: observe }, health: { fall: ${fall} }, instances: { one: { address: one } }, endpoints: { writer: { type: writer, listen: 127.0.0.1:6432 } } } } }`;
  const loaded = loadConfig({ text, file: 'f', env: {}, readFile: () => assert.fail('no files') });
  assert(loaded.ok, JSON.stringify(loaded));
  return loaded.config;
}

class Fake implements Reloadable {
  config = config(1);
  wanted = 2;
  against: (Objection | null)[] = [];
  cannotPrepare: string | null = null;
  readonly done: string[] = [];
  objection(): Objection | null {
    return this.against.shift() ?? null;
  }
  async prepare(): Promise<void> {
    this.done.push('prepare');
    if (this.cannotPrepare !== null) throw new Error(this.cannotPrepare);
  }
  abandon(): void {
    this.done.push('abandon');
  }
  async apply(next: Config): Promise<void> {
    this.done.push('apply');
    this.config = next;
  }
  async refresh(): Promise<void> {
    this.done.push('refresh');
  }
}

function reloaderOf(target: Fake): { reloader: Reloader; outcomes: string[] } {
  const outcomes: string[] = [];
  const reloader = new Reloader({
    source: {
      load: () => ({ ok: true, config: config(target.wanted), warnings: [] }),
      watch: () => () => {},
    },
    target,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  return { reloader, outcomes };
}

test('those who ask while a reload is under way share the next one, which reads what is there by then', async () => {
  const target = new Fake();
  const { reloader, outcomes } = reloaderOf(target);
  const first = reloader.reload('signal');
  target.wanted = 3;
  const storm = Array.from({ length: 100 }, () => reloader.reload('signal'));
  await Promise.all([first, ...storm]);
  assert.deepEqual(outcomes, ['applied', 'applied']);
  assert.equal(target.config.clusters.values().next().value?.health.fall, 3);
  assert.equal((await reloader.reload('api')).outcome, 'unchanged');
});

test('a change of the writer is waited for, one that begins while listeners are opened too', async () => {
  const target = new Fake();
  const later: Objection = { kind: 'later', why: 'under way' };
  target.against = [later, null, later, later, null, null];
  assert.equal((await reloaderOf(target).reloader.reload('api')).outcome, 'applied');
  assert.deepEqual(target.done, ['prepare', 'abandon', 'prepare', 'apply', 'refresh']);
});

test('nothing is applied where something speaks against it, or cannot be had', async () => {
  const target = new Fake();
  target.against = [{ kind: 'never', why: 'it is the writer' }];
  const { reloader } = reloaderOf(target);
  assert.deepEqual(await reloader.reload('api'), {
    ok: false,
    outcome: 'refused',
    message: 'it is the writer',
  });
  target.cannotPrepare = 'the address is taken';
  assert.match((await reloader.reload('api')).message, /is taken/);
  assert.deepEqual(target.done, ['prepare']);
});
