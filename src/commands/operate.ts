import type { CommandJson, ReloadJson } from '../admin/api.ts';
import { failoversText } from '../admin/failovers-text.ts';
import { json, type ClientOptions as Options, withClient } from './with-client.ts';

const told = (result: CommandJson | ReloadJson, options: Options): string =>
  options.json ? json(result) : result.message;

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
  withClient(options, async (client) => told(await client.reload(), options));
