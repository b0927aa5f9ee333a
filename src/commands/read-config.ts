import { messageOf } from '../base/errors.ts';
import type { LoadResult } from '../config/load.ts';
import { configFile } from './config-file.ts';

/** Reads and checks a configuration file. A file that cannot be read is a plain error on standard error, exit code 1. */
export function readConfig(file: string): LoadResult {
  try {
    return configFile(file).load();
  } catch (error) {
    process.stderr.write(`aurelay: the configuration cannot be read: ${messageOf(error)}\n`);
    process.exit(1);
  }
}
