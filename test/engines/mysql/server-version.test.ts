import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAtLeast, parseServerVersion } from '../../../src/engines/mysql/server-version.ts';

test('the family and the version are read from what servers greet with', () => {
  const name = (text: string) => parseServerVersion(text)?.name ?? null;
  assert.equal(name('8.4.3'), 'MySQL 8.4.3');
  assert.equal(name('9.7.4-2'), 'MySQL 9.7.4');
  assert.equal(name('8.0.36-28'), 'MySQL 8.0.36');
  assert.equal(name('8.0.mysql_aurora.3.05.2'), 'MySQL 8.0.0');
  assert.equal(name('5.5.5-10.11.19-MariaDB-0+deb12u1-log'), 'MariaDB 10.11.19');
  assert.equal(name('11.8.2-MariaDB-ubu2404'), 'MariaDB 11.8.2');
  assert.equal(name('hello'), null);
  assert.equal(name(''), null);
});

test('versions are compared figure by figure', () => {
  const version = parseServerVersion('8.0.22');
  assert.ok(version !== null);
  assert.ok(isAtLeast(version, 8, 0, 22) && isAtLeast(version, 8, 0, 4) && isAtLeast(version, 5, 7, 40));
  assert.ok(!isAtLeast(version, 8, 0, 23) && !isAtLeast(version, 8, 4, 0) && !isAtLeast(version, 9, 0, 0));
});
