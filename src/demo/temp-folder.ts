import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guard } from './guard.ts';
import { removeFolder } from './remove-folder.ts';

export interface TempFolder {
  readonly path: string;
  remove(): Promise<void>;
}

/** A folder that is gone when this process is, however it ends. */
export async function makeTempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(await realpath(tmpdir()), 'aurelay-demo-'));
  const liftGuard = guard({ kind: 'folder', directory: path });
  return {
    path,
    async remove() {
      await removeFolder(path);
      liftGuard();
    },
  };
}
