import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { buildStamp } from '../scripts/stamp-build.ts';
import { release, releaseLine } from '../src/release.ts';

/** Answers as git does in a checkout of commit abc1234. */
const git =
  (changed = '') =>
  ([command]: readonly string[]): string | null =>
    ({ 'rev-parse': 'abc1234', status: changed, log: '1795392000' })[command ?? ''] ?? null;

test('a build is the commit of the checkout, with its date', () => {
  assert.deepEqual(buildStamp({}, git()), { build: 'abc1234', date: '2026-11-23T00:00:00Z' });
});

test('a checkout that differs from its commit says so', () => {
  assert.equal(buildStamp({}, git(' M src/cli.ts')).build, 'abc1234-modified');
});

test('where there is no repository, whoever builds says which build it is', () => {
  const none = () => null;
  assert.deepEqual(buildStamp({ AURELAY_BUILD: 'f00' }, none), { build: 'f00', date: null });
  const dated = { AURELAY_BUILD: 'f00', SOURCE_DATE_EPOCH: '0' };
  assert.deepEqual(buildStamp(dated, none), { build: 'f00', date: '1970-01-01T00:00:00Z' });
  assert.deepEqual(buildStamp({}, none), { build: 'unknown', date: null });
  // Docker sets an argument that nobody gave to the empty text.
  assert.deepEqual(buildStamp({ AURELAY_BUILD: '' }, none), { build: 'unknown', date: null });
});

test('a build or date that cannot be one is refused by its name', () => {
  assert.throws(() => buildStamp({ AURELAY_BUILD: 'a "b"' }, git()), /AURELAY_BUILD is "a "b""/);
  assert.throws(() => buildStamp({ SOURCE_DATE_EPOCH: 'today' }, git()), /SOURCE_DATE_EPOCH is "today"/);
});

test('from a checkout the build is `source`', () => {
  assert.equal(release.build, 'source');
  const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', 'src/cli.ts', '--version'], {
    cwd: new URL('..', import.meta.url),
    encoding: 'utf8',
    env: { ...process.env, AURELAY_RELAY: 'stream' },
  });
  assert.equal(status, 0);
  assert.equal(stdout, `aurelay ${releaseLine(release, process.version, 'stream')}\n`);
});

test('the line of a build has its day', () => {
  const built = { version: '1.2.3', build: 'abc1234', date: '2026-11-23T10:11:12Z' };
  assert.equal(
    releaseLine(built, 'v20.20.2', 'native'),
    '1.2.3 (build abc1234, 2026-11-23, node v20.20.2, relay native)',
  );
});
