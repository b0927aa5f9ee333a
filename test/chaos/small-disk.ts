import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedInstance } from '../../src/demo/cluster.ts';
import { runCommand } from '../../src/demo/run-command.ts';
import { makeTempFolder, type TempFolder } from '../../src/demo/temp-folder.ts';
import type { Cleanup } from '../support/servers.ts';

/** Room for the data and some minutes of writes. */
const sizeMb = 900;
const trialMb = 8;
const blockBytes = 4_096;
/** Allocating takes some blocks of its own. */
const spareBlocks = 64;
const filler = 'filler';

/**
 * A file system of its own for the folder of one server, in a file (a loop device), so that it can run full and nothing
 * else does. The folder keeps its path: the file system is mounted over it.
 */
export class SmallDisk {
  readonly instance: EmbeddedInstance;
  readonly #folder: TempFolder;
  #mounted = false;

  private constructor(instance: EmbeddedInstance, folder: TempFolder) {
    this.instance = instance;
    this.#folder = folder;
  }

  /** Why there can be none here, or null. */
  static async missing(): Promise<string | null> {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'mounting needs root on Linux';
    const folder = await makeTempFolder();
    try {
      await run('umount', await mountNew(folder.path, trialMb));
      return null;
    } catch (error) {
      return `no file system can be mounted here (${(error as Error).message})`;
    } finally {
      await folder.remove();
    }
  }

  /** Under a server that runs, by stopping and starting it. Gone with the test, and the server with it. */
  static async under(t: Cleanup, instance: EmbeddedInstance): Promise<SmallDisk> {
    const folder = await makeTempFolder();
    const disk = new SmallDisk(instance, folder);
    t.after(async () => {
      await instance.stop();
      await disk.takeOff();
      await folder.remove();
    });
    await instance.stop();
    await disk.putOn();
    await instance.start();
    return disk;
  }

  /** A new file system, with a copy of what the folder holds, in its place. For a server that does not run. */
  async putOn(): Promise<void> {
    const { directory } = this.instance;
    const fresh = await mountNew(this.#folder.path, sizeMb);
    await run('cp', '--archive', `${directory}/.`, fresh);
    await run('umount', fresh);
    await run('mount', '-o', 'loop', join(this.#folder.path, 'image'), directory);
    this.#mounted = true;
  }

  /** The folder as it was before, with what it held then. For a server that does not run. */
  async takeOff(): Promise<void> {
    if (!this.#mounted) return;
    this.#mounted = false;
    await run('umount', this.instance.directory);
  }

  /** Until not one block is free. */
  fill(): void {
    const { directory } = this.instance;
    const file = openSync(join(directory, filler), 'a');
    try {
      const block = Buffer.alloc(blockBytes);
      for (;;) writeSync(file, block);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Takes nearly all of it at once, which writing takes seconds for. */
  async fillQuickly(): Promise<void> {
    const { directory } = this.instance;
    const { bavail, bsize } = statfsSync(directory);
    const bytes = bsize * Math.max(1, bavail - spareBlocks);
    await run('fallocate', `--length=${bytes}`, join(directory, filler));
    this.fill();
  }

  free(): void {
    if (this.#mounted) rmSync(join(this.instance.directory, filler), { force: true });
  }
}

/** Mounted at the path that is returned. */
async function mountNew(folder: string, megabytes: number): Promise<string> {
  const image = join(folder, 'image');
  const mount = join(folder, 'new');
  rmSync(image, { force: true });
  await run('truncate', `--size=${megabytes}M`, image);
  // No blocks kept for root: the server is not, and whoever fills it is.
  await run('mkfs.ext4', '-q', '-F', '-m', '0', image);
  await mkdir(mount, { recursive: true });
  await run('mount', '-o', 'loop', image, mount);
  return mount;
}

/** Processes that have been killed leave a folder a moment later. */
async function run(program: string, ...args: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { status, output } = await runCommand(program, [...args], { timeoutMs: 60_000 });
    if (status === 0) return;
    if (program !== 'umount' || attempt === 20) throw new Error(`${program}: ${output.trim()}`);
    await sleep(250);
  }
}
