import type { LogLevel } from '../base/errors.ts';
import type { LogFormat } from '../config/config.ts';
import { headline } from '../config/diagnostic.ts';
import { checkReport } from '../config/report.ts';
import { tell } from '../log/tell.ts';
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
  const { version, build, date } = release;
  const { logger, follow } = createLogger({
    ...result.config.log,
    version,
    override: overrideOf(options),
    terminal: { isTerminal: process.stdout.isTTY === true, colours: terminalOf(process.stdout).colours },
  });
  const node = process.version;
  tell(
    logger,
    'start',
    { version, build, date, node, pid: process.pid },
    `aurelay ${version} (build ${build})`,
  );
  for (const warning of result.warnings) {
    tell(logger, 'config.warning', { file: warning.file, line: warning.line }, headline(warning));
  }
  const allowed = openFilesAllowed();
  const lowFiles = openFilesWarning(result.config, allowed);
  if (lowFiles !== null) {
    tell(logger, 'open-files.low', { allowed, needed: openFilesNeeded(result.config) }, lowFiles);
  }
  await runUntilSignal(result.config, { logger, follow }, configFile(options.config));
}
