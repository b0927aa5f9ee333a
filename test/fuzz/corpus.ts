import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The inputs of all targets, a folder each, every file named after what is in it. */
export const corpusFolder = join(import.meta.dirname, 'corpus');

export const nameOf = (input: Uint8Array): string =>
  createHash('sha256').update(input).digest('hex').slice(0, 16);

/** In the order of their names. */
export function readCorpus(target: string, folder = corpusFolder): readonly Uint8Array[] {
  const own = join(folder, target);
  if (!existsSync(own)) return [];
  return readdirSync(own)
    .sort()
    .map((name) => new Uint8Array(readFileSync(join(own, name))));
}

/** Returns where it is. */
export function keepInput(target: string, input: Uint8Array, folder = corpusFolder): string {
  const own = join(folder, target);
  mkdirSync(own, { recursive: true });
  const path = join(own, nameOf(input));
  writeFileSync(path, input);
  return path;
}

export const dropInput = (target: string, input: Uint8Array, folder = corpusFolder): void =>
  rmSync(join(folder, target, nameOf(input)), { force: true });
