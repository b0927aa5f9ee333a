import type { LogLevel } from '../base/errors.ts';
import type { Config, LogFormat } from '../config/config.ts';
import { type Diagnostic, headline } from '../config/diagnostic.ts';
import { checkReport } from '../config/report.ts';
import { type LineLogger, tell } from '../log/tell.ts';
import { createLogger, type LogSettings } from '../logger.ts';
import { release } from '../release.ts';
import { configFile } from './config-file.ts';
import { openFilesAllowed, openFilesNeeded, openFilesWarning } from './open-files.ts';
import { readConfig } from './read-config.ts';
import { runUntilSignal } from './run-until-signal.ts';
import { terminalOf } from './terminal.ts';

interface StartOptions {
  readonly config: string;
  /** Over what the configuration says, after reloads too. */
  readonly logLevel?: LogLevel;
  readonly logFormat?: LogFormat;
}

const overrideOf = ({ logLevel, logFormat }: StartOptions): Partial<LogSettings> => ({
  ...(logLevel === undefined ? {} : { level: logLevel }),
  ...(logFormat === undefined ? {} : { format: logFormat }),
});

export async function start(options: StartOptions): Promise<void> {
  const result = readConfig(options.config);
  if (!result.ok) {
    process.stderr.write(checkReport(result, { color: terminalOf(process.stderr).colours, json: false }));
    process.exitCode = 1;
    return;
  }
  const { version } = release;
  const { logger, follow } = createLogger({
    ...result.config.log,
    version,
    override: overrideOf(options),
    terminal: { isTerminal: process.stdout.isTTY === true, colours: terminalOf(process.stdout).colours },
  });
  const { config, warnings } = result;
  await runUntilSignal(config, { logger, follow }, configFile(options.config), () =>
    tellOfWarnings(logger, config, warnings),
  );
}

/** What does not keep Aurelay from starting, and somebody should see to. */
function tellOfWarnings(logger: LineLogger, config: Config, warnings: readonly Diagnostic[]): void {
  for (const warning of warnings) {
    tell(logger, 'config.warning', { file: warning.file, line: warning.line }, headline(warning));
  }
  const allowed = openFilesAllowed();
  const lowFiles = openFilesWarning(config, allowed);
  if (lowFiles !== null) {
    tell(logger, 'open-files.low', { allowed, needed: openFilesNeeded(config) }, lowFiles);
  }
}
