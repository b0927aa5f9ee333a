import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type ClusterId, type Epoch, epoch, type InstanceId, instanceId } from '../base/brand.ts';
import { messageOf } from '../base/errors.ts';
import type { Memory } from '../cluster/memory.ts';
import type { Position } from '../cluster/position.ts';
import { replaceFile } from './replace-file.ts';

/** Where the core's memory of one cluster is kept over restarts. */
export interface StateStore {
  /** What was saved last; null where nothing ever was. Throws an error with a remedy where it cannot be read. */
  load(): Memory | null;
  /** Resolves when it would survive a power cut. One at a time, in order. */
  save(memory: Memory): Promise<void>;
}

/** One that a cluster finds again after it was removed from the configuration and put back. */
export interface LastingStore extends StateStore {
  /** Resolves when nothing is being written any more, well or not. */
  saved(): Promise<void>;
}

const names = z.array(z.string()).transform((ids) => ids.map(instanceId) as readonly InstanceId[]);
const fileForm = z.object({
  version: z.literal(1),
  epoch: z
    .number()
    .int()
    .nonnegative()
    .transform((term): Epoch => epoch(term)),
  writer: z
    .string()
    .nullable()
    .transform((id) => (id === null ? null : instanceId(id))),
  promoting: z.boolean(),
  deposed: names,
  drained: names,
  durability: z
    .object({ secured: z.number().int().positive(), degraded: z.boolean(), copies: names })
    .default({ secured: 1, degraded: false, copies: [] }),
  began: z
    .string()
    .nullable()
    .default(null)
    .transform((position) => position as Position | null),
  followers: names.default([]),
});

const wordsOf = (error: unknown): string =>
  error instanceof z.ZodError ? z.prettifyError(error).replaceAll(/\s+/g, ' ') : messageOf(error);

/** One JSON file a cluster in `directory`, replaced by an atomic rename after a sync of its content. */
export function fileStore(directory: string, cluster: ClusterId): LastingStore {
  const path = join(directory, `${cluster}.json`);
  let last: Promise<void> = Promise.resolve();
  return {
    load() {
      mkdirSync(directory, { recursive: true });
      let text: string;
      try {
        text = readFileSync(path, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
      try {
        const { version: _, ...memory } = fileForm.parse(JSON.parse(text));
        return memory;
      } catch (error) {
        throw new Error(
          `the state file ${path} cannot be read (${wordsOf(error)}): restore it, or remove it once you have made sure that only the right server of cluster "${cluster}" is writable`,
        );
      }
    },
    save(memory) {
      const write = () =>
        replaceFile(directory, path, `${JSON.stringify({ version: 1, ...memory }, null, 2)}\n`);
      last = last.then(write, write);
      return last;
    },
    saved: () => last.catch(() => {}),
  };
}

/** For `mode: observe` without a `state_dir`: whoever promotes elsewhere remembers, so Aurelay need not. */
export function memoryStore(): LastingStore {
  let saved: Memory | null = null;
  return {
    load: () => saved,
    save(memory) {
      saved = memory;
      return Promise.resolve();
    },
    saved: () => Promise.resolve(),
  };
}
