import { AdminClient, AdminFailure } from '../admin/client.ts';
import { exitCode } from './exit-codes.ts';
import { type Reach, ReachInvalid, reachOf } from './reach.ts';

/** What every command that asks a running Aurelay is told. */
export interface ClientOptions extends Reach {
  readonly json?: true;
}

/** Prints the outcome, or the failure on standard error with the exit code of one. */
export async function withClient(
  options: ClientOptions,
  use: (client: AdminClient) => Promise<string | null>,
): Promise<void> {
  try {
    const output = await use(new AdminClient(reachOf(options)));
    if (output !== null) process.stdout.write(output.endsWith('\n') ? output : `${output}\n`);
  } catch (error) {
    if (!(error instanceof AdminFailure || error instanceof ReachInvalid)) throw error;
    process.stderr.write(`aurelay: ${error.message}\n`);
    process.exitCode = exitCode.failed;
  }
}

/** For `--json`. */
export const json = (value: unknown): string => JSON.stringify(value, null, 2);
