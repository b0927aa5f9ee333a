import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EmbeddedClusterError } from './cluster.ts';

const schema = z.object({
  version: z.string(),
  durable: z.boolean(),
  instances: z.record(z.string(), z.object({ port: z.number(), complete: z.boolean() })),
});

/** What a data directory says of itself: `complete` is false for an instance whose making was interrupted. */
export type KeptData = z.infer<typeof schema>;

const fileName = (engine: string): string => `${engine}.json`;

/** Null where the directory has never held a cluster of this engine. */
export async function readKeptData(directory: string, engine: string): Promise<KeptData | null> {
  const file = join(directory, fileName(engine));
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new EmbeddedClusterError(`${file} cannot be read: give another data directory, or remove this one`);
  }
}

/** In one step: a reader sees the old state or the new one. */
export async function writeKeptData(directory: string, engine: string, data: KeptData): Promise<void> {
  const file = join(directory, fileName(engine));
  await writeFile(`${file}.new`, `${JSON.stringify(data, null, 2)}\n`);
  await rename(`${file}.new`, file);
}
