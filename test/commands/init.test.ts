import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freeListenPort } from '../../src/commands/init/listen-ports.ts';
import { loginOf } from '../../src/commands/init/login.ts';
import { FileExists, refuseUnwritable, writeNewFile } from '../../src/commands/init/new-file.ts';
import { isAnswered, OpenQuestions } from '../../src/commands/init/open-questions.ts';
import {
  type InitOptions,
  readFlags,
  readHost,
  readInstance,
  readServerAddress,
} from '../../src/commands/init/options.ts';
import { serverTlsOf } from '../../src/commands/init/server-tls.ts';
import type { Missing } from '../../src/discovery/topology.ts';
import { eventually } from '../support/eventually.ts';
import { programMissing, runProgram, startProgram } from '../support/programs.ts';
import { scopeOf } from '../support/scope.ts';
import { freePort } from '../support/servers.ts';

/** A handful of processes, beside whatever else this machine does. */
const timeout = 120_000;
const aurelay = ['--import', 'tsx', new URL('../../src/cli.ts', import.meta.url).pathname];

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'aurelay-init-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const init = (t: TestContext, args: readonly string[], env = {}) =>
  runProgram(scopeOf(t), process.execPath, [...aurelay, 'init', ...args], {
    env: { AURELAY_MONITOR_PASSWORD: '', ...env },
  });

test('without a terminal, what is missing is named with its flags, all at once', { timeout }, async (t) => {
  const scope = scopeOf(t);
  const bare = await runProgram(scope, process.execPath, [...aurelay, 'init']);
  assert.equal(bare.status, 2);
  for (const flag of ['--address', '--user', '--password-file', 'AURELAY_MONITOR_PASSWORD']) {
    assert.ok(bare.stderr.includes(flag), bare.stderr);
  }
  const some = await init(t, ['--address', '127.0.0.1:1']);
  assert.equal(some.status, 2);
  assert.match(some.stderr, /init needs --user USER: there is no terminal/);
});

test('a file that is there is not touched, and nobody is asked for anything first', {
  timeout,
}, async (t) => {
  const file = join(folderOf(t), 'aurelay.yaml');
  writeFileSync(file, 'mine');
  const { status, stderr } = await init(t, ['--address', '127.0.0.1:1', '--user', 'u', '--output', file]);
  assert.equal(status, 1);
  assert.match(stderr, /aurelay\.yaml exists: give another --output, or --force/);
  assert.equal(readFileSync(file, 'utf8'), 'mine');
});

test('what cannot be is told with the flag that says it, and no file is left', { timeout }, async (t) => {
  const folder = folderOf(t);
  const server = [
    '--address',
    `127.0.0.1:${await freePort()}`,
    '--user',
    'u',
    '--output',
    join(folder, 'a.yaml'),
  ];
  const cases: [number, string[], RegExp][] = [
    [2, ['--instance', 'Orders 2=db2'], /name of an instance: lower-case/],
    [2, ['--json', '--output', '-'], /both want standard output/],
    [1, server, /no PostgreSQL, MySQL or MariaDB server answers: 127\.0\.0\.1:\d+: connect ECONNREFUSED/],
    [
      1,
      [...server, '--engine', 'postgres'],
      /ECONNREFUSED.*Is the server running, and listening on that address\?/,
    ],
  ];
  for (const [code, args, words] of cases) {
    const { status, stdout, stderr } = await init(t, args);
    assert.match(stderr, words, args.join(' '));
    assert.equal(status, code, args.join(' '));
    assert.equal(stdout, '');
    assert.ok(!stderr.includes('    at '), stderr);
  }
  assert.deepEqual(readdirSync(folder), []);
});

test('a password comes from a file of one line, or from the environment, and only its place is kept', async (t) => {
  const folder = folderOf(t);
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return { ...flags, passwordFile: join(folder, name) };
  };
  const { password, kept } = await loginOf(file('good', 's3cret\r\n'), {}, null);
  assert.deepEqual([password, kept], ['s3cret', { kind: 'file', path: join(folder, 'good') }]);
  await assert.rejects(loginOf(file('empty', '\n'), {}, null), /empty is empty/);
  await assert.rejects(loginOf(file('long', 'a\nb\n'), {}, null), /more than one line/);
  await assert.rejects(
    loginOf({ ...flags, passwordFile: join(folder, 'no') }, {}, null),
    /no does not exist/,
  );
  const given = await loginOf(flags, { AURELAY_MONITOR_PASSWORD: 's3cret' }, null);
  assert.deepEqual([given.password, given.kept.kind], ['s3cret', 'environment']);
  const none = await loginOf(flags, { AURELAY_MONITOR_PASSWORD: '' }, null);
  assert.deepEqual([none.password, none.kept.kind], [null, 'none']);
});

const flags: InitOptions = { user: 'aurelay', listenHost: '127.0.0.1', adminPort: 8080 };

test('an authority is gone by where the mode verifies, and not said to no effect', () => {
  assert.equal(serverTlsOf(flags).mode, 'prefer');
  assert.equal(serverTlsOf({ ...flags, serverCa: '/ca.pem' }).mode, 'verify-full');
  assert.throws(() => serverTlsOf({ ...flags, serverTls: 'verify-ca' }), /needs --server-ca/);
  assert.throws(
    () => serverTlsOf({ ...flags, serverTls: 'require', serverCa: 'x' }),
    /no effect with --server-tls require/,
  );
});

/** util-linux: runs a command on a terminal of its own. */
test('Ctrl-C at a question leaves nothing behind, and exits as a shell has it', {
  timeout,
  skip: process.platform === 'linux' ? programMissing('script') : 'its `script` takes other options',
}, async (t) => {
  const folder = folderOf(t);
  const args = ['init', '--output', join(folder, 'aurelay.yaml')];
  const words = [process.execPath, ...aurelay, ...args].map((word) => `'${word}'`).join(' ');
  const { process: child, result } = startProgram(
    scopeOf(t),
    'script',
    ['-qefc', `exec ${words}`, '/dev/null'],
    {
      keepInput: true,
      env: { TERM: 'xterm' },
    },
  );
  let output = '';
  child.stdout?.on('data', (text: string) => {
    output += text;
  });
  await eventually('it asks', () => output.includes('Address of one of the servers'));
  child.stdin?.write('nonsense:\r');
  await eventually('it asks again', () => output.split('Address of one').length > 2);
  assert.match(output, /It has to be an address/);
  child.stdin?.write('\u0003');
  const { status } = await result;
  assert.match(output, /interrupted; nothing was written/);
  assert.equal(status, 130);
  assert.deepEqual(readdirSync(folder), []);
});

test('a file is written whole, for its owner alone, and replaces another by force only', async (t) => {
  const folder = folderOf(t);
  const file = join(folder, 'a.yaml');
  await writeNewFile(file, 'one', false);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await assert.rejects(writeNewFile(file, 'two', false), FileExists);
  assert.equal(readFileSync(file, 'utf8'), 'one');
  await writeNewFile(file, 'three', true);
  assert.equal(readFileSync(file, 'utf8'), 'three');
  await assert.rejects(writeNewFile(join(folder, 'none', 'a.yaml'), 'x', false), { code: 'ENOENT' });
  assert.deepEqual(readdirSync(folder), ['a.yaml']);
  assert.ok(existsSync(file));
  await refuseUnwritable(file);
  await assert.rejects(refuseUnwritable(join(folder, 'none', 'a.yaml')), /none does not exist: make it/);
});

test('servers that look the same are each asked for once, whatever they come to be called', () => {
  const one = (teller: string, port: number | null = null): Missing => ({
    ...{ teller, tried: [] },
    sighting: { hosts: ['10.0.0.2'], port, mark: null, name: null, synchronous: false },
  });
  const questions = new OpenQuestions();
  assert.equal(questions.next([]), null);
  const [first, second] = [one('vm'), one('vm')];
  assert.equal(questions.next([first, second]), first);
  assert.ok(!isAnswered(first, [first, second], [one('main-1'), one('main-1')]));
  questions.close(first);
  const renamed = [one('main-1'), one('main-1')];
  assert.equal(questions.next(renamed), renamed[1]);
  assert.ok(isAnswered(one('main-1'), renamed, renamed.slice(1)));
  assert.equal(questions.next(renamed.slice(1)), null);
  assert.ok(questions.next([...renamed, one('b', 5433)]) !== null);
});

test('a port that somebody has, or that a server has, is passed over', async (t) => {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const next = await freeListenPort('127.0.0.1', port, new Set([port + 1]));
  assert.ok(next > port + 1, `${next}`);
  // Of another machine.
  assert.equal(await freeListenPort('192.0.2.1', port, new Set()), port);
});

test('addresses and names, as they are said', () => {
  assert.deepEqual([readInstance('db2:5433')], [{ name: null, address: { host: 'db2', port: 5433 } }]);
  assert.deepEqual(readInstance('orders-2=[fd00::2]:5433'), {
    name: 'orders-2',
    address: { host: 'fd00::2', port: 5433 },
  });
  assert.deepEqual(readServerAddress(' db1 '), { host: 'db1', port: null });
  assert.throws(() => readInstance('=db2'), /name of an instance/);
  assert.throws(() => readServerAddress('postgres://db1/x'), /no URL/);
  const said = { listenHost: '127.0.0.1', adminPort: 8080 };
  assert.throws(() => readFlags({ ...said, address: '5432' }), /^NotUsable: --address: .*db1:5432/);
  assert.throws(() => readFlags({ ...said, listenHost: 'a:1' }), /--listen-host: .*without a port/);
  assert.throws(() => readFlags({ ...said, user: ' ' }), /--user: /);
  assert.throws(() => readFlags({ ...said, cluster: 'Orders!' }), /--cluster: .*lower-case/);
  assert.equal(readHost('[::1]'), '::1');
  assert.equal(readHost('::1'), '::1');
});
