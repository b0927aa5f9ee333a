import { headline } from '../config/diagnostic.ts';
import { checkReport } from '../config/report.ts';
import { createLogger } from '../logger.ts';
import { release } from '../release.ts';
import { configFile } from './config-file.ts';
import { openFilesAllowed, openFilesNeeded, openFilesWarning } from './open-files.ts';
import { readConfig } from './read-config.ts';
import { runUntilSignal } from './run-until-signal.ts';
import { terminalOf } from './terminal.ts';

export async function start(options: { readonly config: string }): Promise<void> {
  const result = readConfig(options.config);
  if (!result.ok) {
    process.stderr.write(checkReport(result, { color: terminalOf(process.stderr).colours, json: false }));
    process.exitCode = 1;
    return;
  }
  const logger = createLogger(result.config.log.level);
  const { version, build, date } = release;
  logger.info(
    { event: 'start', version, build, date, node: process.version, pid: process.pid },
    `aurelay ${version} (build ${build})`,
  );
  for (const warning of result.warnings) {
    logger.warn({ event: 'config.warning', file: warning.file, line: warning.line }, headline(warning));
  }
  const allowed = openFilesAllowed();
  const lowFiles = openFilesWarning(result.config, allowed);
  if (lowFiles !== null) {
    logger.warn({ event: 'open-files.low', allowed, needed: openFilesNeeded(result.config) }, lowFiles);
  }
  await runUntilSignal(result.config, logger, configFile(options.config));
}
