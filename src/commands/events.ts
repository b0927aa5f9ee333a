import type { EventJson } from '../admin/api.ts';
import { exitCode } from './exit-codes.ts';
import { followEvents } from './follow-events.ts';
import { terminalOf } from './terminal.ts';
import { type ClientOptions, withClient } from './with-client.ts';

interface EventsOptions extends ClientOptions {
  readonly follow?: true;
  readonly since: number;
}

const retryMs = 1_000;

/** With `--json` a line each. */
export const events = (options: EventsOptions): Promise<void> =>
  withClient(options, async (client) => {
    const { colours } = terminalOf(process.stdout);
    const print = (event: EventJson): void => {
      process.stdout.write(`${options.json ? JSON.stringify(event) : eventLine(event, colours)}\n`);
    };
    if (!options.follow) {
      for (const event of await client.recentEvents(options.since)) print(event);
      return null;
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => process.exit(exitCode.done));
    }
    await followEvents({
      ...{ client, print, retryMs, since: options.since },
      onLost: (why) => process.stderr.write(`aurelay: ${why}; trying again until Ctrl-C\n`),
      signal: new AbortController().signal,
    });
    return null;
  });

const sgr: Readonly<Record<string, number>> = { warn: 33, error: 31 };

function eventLine({ at, level, cluster, epoch, name, message }: EventJson, colours: boolean): string {
  const word = level.toUpperCase().padEnd(5);
  const code = colours ? sgr[level] : undefined;
  const shown = code === undefined ? word : `\u001b[${code}m${word}\u001b[0m`;
  // A server's words are in some messages, and must not move the cursor.
  const plain = message.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
  return `${at} ${shown} ${cluster} epoch=${epoch} ${name}: ${plain}`;
}
