import { AdminClient, AdminFailure } from '../../admin/client.ts';
import { formatAddress } from '../../cluster/instance.ts';
import type { Config } from '../../config/config.ts';
import { reachOf } from '../reach.ts';

const timeoutMs = 3_000;

/** Where the Aurelay at the admin address of this configuration listens; null where none answers there. */
export async function listensOfRunning(config: Config, file: string): Promise<ReadonlySet<string> | null> {
  const reach = reachOf({ config: file });
  try {
    const clusters = await new AdminClient({ ...reach, timeoutMs }).status(null);
    // Whatever answers there may be no Aurelay.
    if (!clusters.every?.(({ endpoints }) => Array.isArray(endpoints))) return null;
    const listens = clusters.flatMap(({ endpoints }) =>
      endpoints.filter(({ listening }) => listening).map(({ listen }) => listen),
    );
    return new Set([formatAddress(config.admin.listen), ...listens]);
  } catch (error) {
    if (error instanceof AdminFailure) return null;
    throw error;
  }
}
