import { type Logger, pino } from 'pino';
import type { LogLevel } from './base/errors.ts';

/** JSON lines on standard output, times as ISO 8601; written synchronously, so that the last words before an exit are kept. */
export const createLogger = (level: LogLevel, file?: string): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ sync: true, ...(file === undefined ? {} : { dest: file }) }),
  );
