import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { type LoadResult, loadConfig } from '../config/load.ts';

/** Reads and checks a configuration file. A file that cannot be read is a plain error on standard error, exit code 1. */
export function readConfig(file: string): LoadResult {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    process.stderr.write(`aurelay: the configuration cannot be read: ${messageOf(error)}\n`);
    process.exit(1);
  }
  // A relative path in the configuration is meant from where the configuration is.
  const readFile = (path: string): string => readFileSync(resolve(dirname(file), path), 'utf8');
  return loadConfig({ text, file, env: process.env, readFile });
}
