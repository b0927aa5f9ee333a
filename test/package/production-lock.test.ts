import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundledIn, dependingOn, productionLock, withBundled } from '../../scripts/production-lock.ts';

const lock = {
  ...{ name: 'aurelay', version: '1.0.0' },
  packages: {
    '': { version: '1.0.0', dependencies: { pg: '8.0.0' }, devDependencies: { page: '2.0.0', tsx: '4.0.0' } },
    'node_modules/pg': { version: '8.0.0' },
    'node_modules/page': { version: '2.0.0', dev: true, dependencies: { tsx: '4.0.0' } },
    'node_modules/tsx': { version: '4.0.0', dev: true },
  },
};

test('what only development needs is not installed', () => {
  const { packages } = productionLock(lock);
  assert.deepEqual(Object.keys(packages), ['', 'node_modules/pg']);
  assert.ok(!('devDependencies' in (packages[''] ?? {})));
});

test('what is compiled into the package is named, and nothing that it merely asked for', () => {
  const bundled = bundledIn(
    'The dashboard contains:\n\npage 2.0.0\n\nMIT\nversion 3.0.0 of it\n\n----\n\n@a/b 1.0.0-rc.1\n\nMIT\n',
  );
  assert.deepEqual(bundled, ['page', '@a/b']);
  const { packages } = productionLock(withBundled(lock, ['page']));
  assert.deepEqual(Object.keys(packages), ['', 'node_modules/pg', 'node_modules/page']);
  assert.deepEqual(packages['']?.dependencies, { pg: '8.0.0', page: '2.0.0' });
  assert.equal(packages['node_modules/page']?.dependencies, undefined);
});

test('a bundled package that nobody locked is an error that names it', () => {
  assert.throws(() => dependingOn({}, lock, ['pages']), /pages is bundled, and not in package-lock\.json/);
});
