import { randomUUID } from 'node:crypto';
import { type Logger, pino } from 'pino';
import type { LogLevel } from './base/errors.ts';
import type { LogFormat } from './config/config.ts';
import { prettyLine } from './log/pretty.ts';

/** What the configuration says about the log. */
export interface LogSettings {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

export interface LoggerOptions extends LogSettings {
  readonly version: string;
  /** What was asked for on the command line or in the environment: it holds over what the configuration says. */
  readonly override?: Partial<LogSettings>;
  /** Absent: standard output. */
  readonly file?: string;
  /** Whether a person looks at it, and with colours. */
  readonly terminal?: { readonly isTerminal: boolean; readonly colours: boolean };
}

export interface AurelayLogger {
  readonly logger: Logger;
  /** Goes by what the configuration says now. */
  follow(settings: LogSettings): void;
}

/**
 * A line for each event, written synchronously, so that the last words before an exit are kept. A log that cannot be
 * written (a full disk, a reader that left) costs the lines and never the process.
 */
export function createLogger(options: LoggerOptions): AurelayLogger {
  const { version, override = {}, file, terminal = { isTerminal: false, colours: false } } = options;
  const sink = pino.destination({ sync: true, ...(file === undefined ? {} : { dest: file }) });
  sink.on('error', () => {});
  let settings: LogSettings = { ...options, ...override };
  const isPretty = (): boolean =>
    settings.format === 'pretty' || (settings.format === 'auto' && terminal.isTerminal);
  const stream = {
    write: (line: string) => sink.write(isPretty() ? prettyLine(line, terminal) : line),
  };
  const logger = pino(
    {
      level: settings.level,
      base: {
        'service.name': 'aurelay',
        'service.version': version,
        'service.instance.id': randomUUID(),
      },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return {
    logger,
    follow(next) {
      settings = { ...next, ...override };
      logger.level = settings.level;
    },
  };
}
