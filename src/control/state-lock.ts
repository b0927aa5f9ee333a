import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** Another Aurelay decides by what is in the folder. The message names it and the remedy. */
export class StateDirInUse extends Error {
  override readonly name = 'StateDirInUse';
}

export interface StateLock {
  /** Harmless when repeated. */
  release(): void;
}

const holderForm = z.object({
  pid: z.number().int().positive(),
  /** In clock ticks since the boot (proc(5), `/proc/pid/stat`, field 22): process numbers come again, this with it does not. */
  started: z.string().nullable(),
  boot: z.string().nullable(),
  /** The namespace that the number is of: a container's processes have others than the machine's. */
  pidNamespace: z.string().nullable(),
  since: z.string(),
});

type Holder = z.infer<typeof holderForm>;

/** Of those that start at a time each but one finds it taken; more than a few rounds is no race. */
const mostRounds = 20;

const fileName = (turn: number): string => `aurelay.lock.${turn}`;
const turnIn = (name: string): number => Number(/^aurelay\.lock\.(\d+)$/.exec(name)?.[1] ?? 0);

/**
 * Takes `directory` for this process. Whoever takes it has the turn after the last one, which is never given twice: of
 * several that find the holder dead the file system lets one make the next file, and the highest holds. A lock whose
 * process is gone is taken over, and so is one of another machine or container, of which nobody here can tell: it protects
 * from the second Aurelay on one machine, and keeps none from starting after a crash. Throws `StateDirInUse`, or what
 * the file system says.
 */
export function lockStateDir(directory: string, since: Date): StateLock {
  mkdirSync(directory, { recursive: true });
  const own = { ...thisProcess(), since: since.toISOString() };
  const draft = join(directory, `aurelay.lock.${randomUUID()}`);
  writeFileSync(draft, `${JSON.stringify(own)}\n`, { mode: 0o600 });
  try {
    for (let round = 0; round < mostRounds; round += 1) {
      const last = lastTurn(directory);
      const holder = read(join(directory, fileName(last)));
      if (holder !== null && isAlive(holder, own)) throw inUse(directory, holder);
      const path = join(directory, fileName(last + 1));
      if (!placed(draft, path)) continue;
      // Its turn may be long over: somebody was slow between the look and the deed.
      if (lastTurn(directory) === last + 1) {
        for (const name of readdirSync(directory)) {
          const turn = turnIn(name);
          if (turn > 0 && turn <= last) rmSync(join(directory, name), { force: true });
        }
        // Empty, it is nobody's; the number is not given again. Where it cannot be, the end of the process does the same.
        return { release: () => void told(() => writeFileSync(path, '')) };
      }
      rmSync(path, { force: true });
    }
    throw new Error(`state_dir ${directory}: too many processes want it at a time`);
  } finally {
    rmSync(draft, { force: true });
  }
}

const lastTurn = (directory: string): number => Math.max(0, ...readdirSync(directory).map(turnIn));

/** Whether this process made the file, content and all. */
function placed(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Null: there is none, or nobody could have written it. */
function read(path: string): Holder | null {
  try {
    return holderForm.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return null;
  }
}

const thisProcess = (): Omit<Holder, 'since'> => ({
  pid: process.pid,
  started: startOf(process.pid),
  boot: told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
  pidNamespace: told(() => readlinkSync('/proc/self/ns/pid')),
});

function isAlive({ pid, started, boot, pidNamespace }: Holder, own: Omit<Holder, 'since'>): boolean {
  if (boot !== own.boot || pidNamespace !== own.pidNamespace) return false;
  if (pid === own.pid) return false;
  if (started !== null) return startOf(pid) === started;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Null where there is no such process, only what is left of an ended one, or the system does not tell. */
const startOf = (pid: number): string | null =>
  told(() => {
    // The name of the program, in brackets, may have anything in it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  });

function told<Value>(look: () => Value): Value | null {
  try {
    return look();
  } catch {
    return null;
  }
}

const inUse = (directory: string, { pid, since }: Holder): StateDirInUse =>
  new StateDirInUse(
    `state_dir ${directory} is in use by another Aurelay (process ${pid}, since ${since}): end that one first, since two would decide for one cluster; or give this one a state_dir and clusters of its own`,
  );
