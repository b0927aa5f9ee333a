import type { ClusterJson } from '../admin/api.ts';
import type { AdminClient } from '../admin/client.ts';
import { problemsOf, problemsText } from '../admin/problems.ts';
import { statusTable } from '../admin/status-table.ts';
import { exitCode } from './exit-codes.ts';
import { Screen } from './screen.ts';
import { terminalOf } from './terminal.ts';
import { watch } from './watch.ts';
import { type ClientOptions, json, withClient } from './with-client.ts';

interface StatusOptions extends ClientOptions {
  /** Seconds. */
  readonly watch?: number;
  readonly check?: true;
}

export const status = (cluster: string | undefined, options: StatusOptions): Promise<void> =>
  withClient(options, async (client) => {
    const fetch = () => client.status(cluster ?? null);
    if (options.check) return checked(await fetch(), options);
    if (options.watch === undefined) return options.json ? json(await fetch()) : table(await fetch());
    await watchStatus(client, cluster ?? null, options.watch * 1000, options);
    return null;
  });

function table(clusters: readonly ClusterJson[]): string {
  const { columns, colours } = terminalOf(process.stdout);
  return statusTable(clusters, { width: columns, colours });
}

function checked(clusters: readonly ClusterJson[], options: StatusOptions): string {
  const problems = problemsOf(clusters);
  if (problems.length > 0) process.exitCode = exitCode.unwell;
  return options.json ? json(problems) : problemsText(problems);
}

/** In place on a terminal; elsewhere one picture after the other, as JSON a line each. Until a signal, which is its end. */
async function watchStatus(
  client: AdminClient,
  cluster: string | null,
  everyMs: number,
  options: StatusOptions,
): Promise<void> {
  const inPlace = terminalOf(process.stdout).rows !== null && options.json === undefined;
  const screen = new Screen(process.stdout);
  const end = (): never => {
    screen.leave();
    process.exit(exitCode.done);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  const draw = (text: string, failure: string | null): void => {
    const { rows } = terminalOf(process.stdout);
    const trouble = failure === null ? '' : `not fresh: ${failure}\n`;
    if (inPlace && rows !== null) screen.show(trouble + text, rows);
    else if (failure === null) process.stdout.write(options.json ? text : `${text}\n`);
    else process.stderr.write(`aurelay: ${failure}\n`);
  };
  try {
    await watch({
      fetch: async () => {
        const clusters = await client.status(cluster);
        return options.json ? `${JSON.stringify(clusters)}\n` : table(clusters);
      },
      show: draw,
      everyMs,
      signal: new AbortController().signal,
    });
  } finally {
    screen.leave();
  }
}
