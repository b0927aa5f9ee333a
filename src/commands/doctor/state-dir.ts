import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StateDirFacts } from '../../diagnosis/subject.ts';

/** `statfs(2)`, "Filesystem types", of those whose files do not outlive a restart of machine or container. */
const passingTypes: ReadonlyMap<number, string> = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x794c7630, 'an overlay (the layer of a container)'],
]);

/** Writes nothing. A folder that is not there yet is made at the start, so the one above it counts. */
export async function lookAtStateDir(path: string | null): Promise<StateDirFacts | null> {
  if (path === null) return null;
  const existing = await nearestExisting(path);
  const trouble = await whyNot(existing, path);
  if (trouble !== null) return { path, trouble, passing: null, freeBytes: null };
  try {
    const { type, bavail, bsize } = await statfs(existing);
    return { path, trouble, passing: passingTypes.get(type) ?? null, freeBytes: bavail * bsize };
  } catch {
    return { path, trouble, passing: null, freeBytes: null };
  }
}

async function nearestExisting(path: string): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  const above = dirname(path);
  return isThere || above === path ? path : nearestExisting(above);
}

async function whyNot(existing: string, path: string): Promise<string | null> {
  try {
    if (!(await stat(existing)).isDirectory()) return `cannot be used: ${existing} is no folder`;
    await access(existing, constants.W_OK | constants.X_OK);
    return null;
  } catch {
    const what =
      existing === path ? 'may not be written to' : `is not there, and ${existing} may not be written to`;
    return `${what} by this user`;
  }
}
