import { checkReport } from '../config/report.ts';
import { readConfig } from './read-config.ts';
import { terminalOf } from './terminal.ts';

export function check(options: { readonly config: string; readonly json?: true }): void {
  const result = readConfig(options.config);
  const colors = terminalOf(process.stdout).colours;
  process.stdout.write(checkReport(result, { color: colors, json: options.json === true }));
  if (!result.ok) process.exitCode = 1;
}
