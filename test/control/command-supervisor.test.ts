import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { clusterId, epoch } from '../../src/base/brand.ts';
import type { Position } from '../../src/cluster/position.ts';
import { CommandSupervisor } from '../../src/control/command-supervisor.ts';
import type { RejoinRequest } from '../../src/control/supervisor.ts';
import { testInstance } from '../cluster/scenario.ts';
import { eventually, within } from '../support/eventually.ts';

const request: RejoinRequest = {
  cluster: clusterId('orders'),
  instance: testInstance('db-1'),
  writer: testInstance('db-2'),
  writerAddress: { host: '10.0.0.2', port: 5433 },
  epoch: epoch(7),
  positions: { instance: '1/0/50' as Position, writer: null },
  reason: 'down',
};
const never = new AbortController().signal;
const longMs = 60_000;

function supervise(script: string, options: { readonly killAfterMs?: number } = {}) {
  const lines: string[] = [];
  const supervisor = new CommandSupervisor({
    command: ['/bin/sh', '-c', script],
    engine: 'postgres',
    onLine: (line) => lines.push(line),
    ...options,
  });
  return { supervisor, lines };
}

async function tempFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function pidIn(file: string): Promise<number> {
  return eventually('the process says who it is', async () => {
    const text = await readFile(file, 'utf8').catch(() => '');
    return text.endsWith('\n') ? Number(text) : null;
  });
}

test('the command finds the facts in its environment, and keeps ours', async () => {
  const { supervisor, lines } = supervise('env | grep "^AURELAY_" | sort; test -n "$PATH"');
  await supervisor.rejoin(request, longMs, never);
  assert.deepEqual(lines, [
    'AURELAY_CLUSTER=orders',
    'AURELAY_ENGINE=postgres',
    'AURELAY_EPOCH=7',
    'AURELAY_INSTANCE=db-1',
    'AURELAY_INSTANCE_HOST=db-1',
    'AURELAY_INSTANCE_PORT=5432',
    'AURELAY_INSTANCE_POSITION=1/0/50',
    'AURELAY_REASON=down',
    'AURELAY_WRITER=db-2',
    'AURELAY_WRITER_HOST=10.0.0.2',
    'AURELAY_WRITER_PORT=5433',
    'AURELAY_WRITER_POSITION=',
  ]);
});

test('no shell reads the arguments', async () => {
  const lines: string[] = [];
  const command = ['/bin/echo', '$HOME; exit 1', '`id`'];
  const supervisor = new CommandSupervisor({ command, engine: 'mysql', onLine: (line) => lines.push(line) });
  await supervisor.rejoin(request, longMs, never);
  assert.deepEqual(lines, ['$HOME; exit 1 `id`']);
});

test('another exit status than 0 is a failure, told with the last line', async () => {
  const { supervisor } = supervise('echo begun; echo "no such host" >&2; exit 3');
  await assert.rejects(supervisor.rejoin(request, longMs, never), /failed with exit status 3: no such host$/);
});

test('a command that a signal ends has failed', async () => {
  const { supervisor } = supervise('kill -9 $$');
  await assert.rejects(supervisor.rejoin(request, longMs, never), /was ended by SIGKILL/);
});

test('a command that is not there is a failure that names it', async () => {
  const supervisor = new CommandSupervisor({
    command: ['/no/such/rejoin'],
    engine: 'mysql',
    onLine: () => {},
  });
  await assert.rejects(
    supervisor.rejoin(request, longMs, never),
    /\/no\/such\/rejoin could not be run.*ENOENT/,
  );
});

test('what takes too long is asked to end, and may clean up', async () => {
  const { supervisor, lines } = supervise(
    'trap "echo cleaned up; exit 0" TERM; while :; do sleep 0.05; done',
  );
  await assert.rejects(supervisor.rejoin(request, 2_000, never), /was not done within 2 s: cleaned up/);
  assert.equal(lines.at(-1), 'cleaned up');
});

test('what does not listen is killed, and its children with it', async (t) => {
  const folder = await tempFolder(t);
  const file = join(folder, 'pid');
  const script = `trap "" TERM; sh -c 'trap "" TERM; echo $$ >${file}; while :; do sleep 0.05; done' & wait; wait`;
  const { supervisor } = supervise(script, { killAfterMs: 200 });
  const outcome = supervisor.rejoin(request, 1_500, never);
  const failed = assert.rejects(outcome, /was not done within 1.5 s/);
  const child = await pidIn(file);
  t.after(() => {
    if (isAlive(child)) process.kill(child, 'SIGKILL');
  });
  await within('it is given up', 20_000, failed);
  await eventually('its child is gone', () => !isAlive(child));
});

test('what the command leaves running is left alone, and not waited for', async (t) => {
  const folder = await tempFolder(t);
  const file = join(folder, 'pid');
  const { supervisor } = supervise(`sleep 300 & echo $! >${file}; echo started`);
  await within('it is done', 20_000, supervisor.rejoin(request, longMs, never));
  const server = await pidIn(file);
  assert.ok(isAlive(server));
  process.kill(server, 'SIGKILL');
});

test('it ends with Aurelay, and does not begin any more', async () => {
  const { supervisor } = supervise('echo begun; sleep 300');
  const stopping = new AbortController();
  const outcome = assert.rejects(supervisor.rejoin(request, longMs, stopping.signal), /Aurelay stops/);
  stopping.abort();
  await within('it ends', 20_000, outcome);
  await assert.rejects(supervisor.rejoin(request, longMs, stopping.signal));
});

test('a flood of output is passed on in part: lines and their length have a limit', async () => {
  const { supervisor, lines } = supervise('head -c 100000 /dev/zero | tr "\\0" x; echo; seq 5000');
  await supervisor.rejoin(request, longMs, never);
  assert.equal(lines.length, 1_001);
  assert.equal(lines[0]?.length, 2_000);
  assert.equal(lines.at(-1), '(more output is left out)');
});
