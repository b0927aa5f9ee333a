import type { CommandJson, EventJson } from '../admin/api.ts';
import { AdminClient, AdminFailure } from '../admin/client.ts';
import { failoversText } from '../admin/failovers-text.ts';
import { statusTable } from '../admin/status-table.ts';
import { type Reach, ReachInvalid, reachOf } from './reach.ts';

interface Options extends Reach {
  readonly json?: true;
}

/** Prints the outcome, or the failure on standard error with exit code 1. */
async function withClient(
  options: Options,
  use: (client: AdminClient) => Promise<string | null>,
): Promise<void> {
  try {
    const output = await use(new AdminClient(reachOf(options)));
    if (output !== null) process.stdout.write(output.endsWith('\n') ? output : `${output}\n`);
  } catch (error) {
    if (!(error instanceof AdminFailure || error instanceof ReachInvalid)) throw error;
    process.stderr.write(`aurelay: ${error.message}\n`);
    process.exitCode = 1;
  }
}

const json = (value: unknown): string => JSON.stringify(value, null, 2);
const told = (result: CommandJson, options: Options): string =>
  options.json ? json(result) : result.message;

export const status = (cluster: string | undefined, options: Options): Promise<void> =>
  withClient(options, async (client) => {
    const clusters = await client.status(cluster ?? null);
    return options.json ? json(clusters) : statusTable(clusters, { colours: process.stdout.isTTY === true });
  });

export const failover = (cluster: string, options: Options & { readonly force?: true }): Promise<void> =>
  withClient(options, async (client) =>
    told(await client.failover(cluster, options.force === true), options),
  );

export const switchover = (
  cluster: string,
  options: Options & { readonly to: string; readonly dryRun?: true },
): Promise<void> =>
  withClient(options, async (client) =>
    told(await client.switchover(cluster, options.to, options.dryRun === true), options),
  );

export const failovers = (cluster: string, options: Options): Promise<void> =>
  withClient(options, async (client) => {
    const records = await client.failovers(cluster);
    return options.json ? json(records) : failoversText(records);
  });

export const drain = (
  instance: string,
  drained: boolean,
  options: Options & { readonly cluster?: string },
): Promise<void> =>
  withClient(options, async (client) =>
    told(await client.drain(instance, drained, options.cluster ?? null), options),
  );

export const reload = (options: Options): Promise<void> =>
  withClient(options, async (client) => {
    const result = await client.reload();
    return options.json ? json(result) : result.message;
  });

export const events = (
  options: Options & { readonly follow?: true; readonly since: number },
): Promise<void> =>
  withClient(options, async (client) => {
    const print = (event: EventJson): void => {
      process.stdout.write(`${options.json ? JSON.stringify(event) : eventLine(event)}\n`);
    };
    if (options.follow) {
      for await (const event of client.followEvents(options.since)) print(event);
    } else {
      for (const event of await client.recentEvents(options.since)) print(event);
    }
    return null;
  });

const eventLine = ({ at, level, cluster, epoch, name, message }: EventJson): string =>
  `${at} ${level.toUpperCase().padEnd(5)} ${cluster} epoch=${epoch} ${name}: ${message}`;
