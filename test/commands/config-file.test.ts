import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { watchFile } from '../../src/commands/config-file.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { eventually } from '../support/eventually.ts';

async function folderOf(t: TestContext): Promise<string> {
  const folder = await makeTempFolder();
  t.after(() => folder.remove());
  return folder.path;
}

function watched(t: TestContext, file: string): () => number {
  let changes = 0;
  t.after(
    watchFile(file, () => {
      changes += 1;
    }),
  );
  return () => changes;
}

test('a file that is written, or replaced by another one, has changed; its neighbours have not', async (t) => {
  const folder = await folderOf(t);
  const file = join(folder, 'aurelay.yaml');
  await writeFile(file, 'one');
  const changes = watched(t, file);
  await writeFile(file, 'two');
  await eventually('it was seen to be written', () => changes() === 1);
  await writeFile(join(folder, 'neighbour'), 'x');
  await writeFile(file, 'two');
  await writeFile(join(folder, 'next'), 'three');
  await rename(join(folder, 'next'), file);
  await eventually('it was seen to be replaced', () => changes() === 2);
  await rm(file);
  await writeFile(file, 'four');
  await eventually('it was seen to come back', () => changes() === 3);
});

test('a ConfigMap that Kubernetes updates through the link ..data has changed', async (t) => {
  const folder = await folderOf(t);
  for (const [version, text] of [
    ['..1', 'one'],
    ['..2', 'two'],
  ] as const) {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, 'aurelay.yaml'), text);
  }
  await symlink('..1', join(folder, '..data'));
  const file = join(folder, 'aurelay.yaml');
  await symlink('..data/aurelay.yaml', file);
  const changes = watched(t, file);
  await symlink('..2', join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  await eventually('the new version was seen', () => changes() === 1);
});
