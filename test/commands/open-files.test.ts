import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFilesAllowed, openFilesNeeded, openFilesWarning } from '../../src/commands/open-files.ts';
import { type LoadResult, loadConfig } from '../../src/config/load.ts';
import { checkReport } from '../../src/config/report.ts';
import { freePort } from '../support/servers.ts';

const textOf = ([admin, writer, reader]: readonly number[]) => `admin: { listen: 127.0.0.1:${admin} }
clusters:
  orders:
    engine: postgres
    monitor: { user: aurelay }
    failover: { mode: observe }
    instances: { a: { address: 127.0.0.1:1 } }
    endpoints:
      writer: { type: writer, listen: 127.0.0.1:${writer}, max_sessions: 3000 }
      reader: { type: reader, listen: 127.0.0.1:${reader}, max_sessions: 1000 }
`;

function config() {
  const text = textOf([1001, 1002, 1003]);
  const result: LoadResult = loadConfig({ text, file: 'aurelay.yaml', env: {}, readFile: () => '' });
  assert.ok(result.ok, checkReport(result));
  return result.config;
}

test('a session needs two open files, over all endpoints, and the rest some more', () => {
  assert.equal(openFilesNeeded(config()), 2 * 4000 + 512);
});

test('the limit that counts is the soft one', () => {
  const line = (soft: string) => `Limit  Soft  Hard  Units
Max processes             96000                96000                processes
Max open files            ${soft}                 524288               files
`;
  assert.equal(openFilesAllowed(line('1024')), 1024);
  assert.equal(openFilesAllowed(line('unlimited')), null);
  assert.equal(openFilesAllowed(''), null);
});

test('a limit that is too low is told with its remedy, one that is enough is not', () => {
  assert.equal(openFilesWarning(config(), 8512), null);
  assert.equal(openFilesWarning(config(), null), null);
  const warning = openFilesWarning(config(), 8511);
  assert.match(warning ?? '', /may open 8511 files, and needs 8512 .*ulimit -n 8512.*LimitNOFILE=8512/);
});

test('the start tells of it in one line', {
  timeout: 30_000,
  skip: process.platform === 'linux' ? false : 'only Linux tells the limit',
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'aurelay-files-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'aurelay.yaml');
  writeFileSync(file, textOf(await Promise.all([freePort(), freePort(), freePort()])));
  // Node raises the soft limit to the hard one when it starts, so that is the one to lower.
  const program = `ulimit -n 1000 && exec "${process.execPath}" --import tsx src/cli.ts start -c "${file}"`;
  const child = spawn('sh', ['-c', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
    if (output.includes('admin.listening')) child.kill('SIGTERM');
  });
  await once(child, 'close');
  const lines = output.split('\n').filter((line) => line.includes('"open-files.low"'));
  assert.equal(lines.length, 1, output);
  const { level, allowed, needed } = JSON.parse(lines[0] ?? '');
  assert.deepEqual([level, allowed, needed], ['warn', 1000, 8512]);
});
