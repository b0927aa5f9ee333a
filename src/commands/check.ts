import { checkReport } from '../config/report.ts';
import { readConfig } from './read-config.ts';

export function check(options: { readonly config: string; readonly json?: true }): void {
  const result = readConfig(options.config);
  const colors = process.stdout.isTTY === true;
  process.stdout.write(checkReport(result, { color: colors, json: options.json === true }));
  if (!result.ok) process.exitCode = 1;
}
