import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedClusterError, type EmbeddedOptions } from './cluster.ts';
import { freePort, isPortFree } from './free-port.ts';
import type { KeptData } from './kept-data.ts';

export interface PlannedInstance {
  readonly id: string;
  /** Counts from 1. */
  readonly number: number;
  readonly port: number;
  /** The port in the earlier run. */
  readonly keptPort: number | null;
  readonly directory: string;
  readonly logFile: string;
  /** Whether there is data of an earlier run, which is started as it is. */
  readonly isKept: boolean;
}

const mostReplicas = 15;

/**
 * Which instances there are to be, where, and which of them have to be made. Never plans to make one over a folder
 * that an earlier run did not leave half made.
 */
export async function planInstances(
  prefix: 'pg' | 'mysql',
  directory: string,
  options: EmbeddedOptions,
  kept: KeptData | null,
): Promise<PlannedInstance[]> {
  const { replicas } = options;
  if (!Number.isInteger(replicas) || replicas < 0 || replicas > mostReplicas) {
    throw new EmbeddedClusterError(`replicas: ${replicas} is not a whole number from 0 to ${mostReplicas}`);
  }
  const count = Math.max(replicas + 1, Object.keys(kept?.instances ?? {}).length);
  const plan: PlannedInstance[] = [];
  for (let number = 1; number <= count; number++) {
    const id = `${prefix}-${number}`;
    const before = kept?.instances[id] ?? null;
    const folder = join(directory, id);
    const isFilled = (await readdir(folder).catch(() => [])).length > 0;
    if (isFilled && before === null) {
      throw new EmbeddedClusterError(
        `${folder} exists, and no demo made it: give another data directory, or move that folder away`,
      );
    }
    plan.push({
      id,
      number,
      port: await choosePort(id, options.ports?.[number - 1] ?? null, before?.port ?? null),
      keptPort: before?.port ?? null,
      directory: folder,
      logFile: join(directory, `${id}.log`),
      isKept: isFilled && before?.complete === true,
    });
  }
  return plan;
}

async function choosePort(id: string, wanted: number | null, kept: number | null): Promise<number> {
  if (wanted !== null) {
    if (await isPortFree(wanted)) return wanted;
    throw new EmbeddedClusterError(`port ${wanted} of 127.0.0.1, meant for ${id}, is taken`);
  }
  return kept !== null && (await isPortFree(kept)) ? kept : freePort();
}

/** From the port that an instance had to the one it has now, of those that moved. */
export const movedPorts = (plan: readonly PlannedInstance[]): ReadonlyMap<number, number> =>
  new Map(
    plan.flatMap(({ keptPort, port }) =>
      keptPort === null || keptPort === port ? [] : [[keptPort, port] as const],
    ),
  );
