import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { StarterPassword } from '../../config/starter.ts';
import { unreadable } from '../../tls/tls-files.ts';
import type { InitOptions } from './options.ts';
import { readWord } from './options.ts';
import type { Prompter } from './prompter.ts';

export const passwordVariable = 'AURELAY_MONITOR_PASSWORD';

/** As whom to log in at the servers, and where the configuration is to find the password. */
export interface Login {
  readonly user: string;
  readonly password: string | null;
  readonly kept: StarterPassword;
  /** Somebody typed it, and may have mistyped it. */
  readonly typed: boolean;
}

/** What is missing and nobody can be asked for. The message names the flags. */
export class FlagsMissing extends Error {
  override readonly name = 'FlagsMissing';

  constructor(flags: readonly string[]) {
    super(
      `init needs ${flags.join(', ')}: there is no terminal to ask on (\`aurelay init --help\` has examples)`,
    );
  }
}

/** A flag's value cannot be used; the message is complete. */
export class InitFailed extends Error {
  override readonly name = 'InitFailed';
}

/** The flags without which nothing can be done, and that nobody can be asked for. */
export function missingFlags(options: InitOptions, env: NodeJS.ProcessEnv): readonly string[] {
  return [
    ...(options.address === undefined ? ['--address HOST:PORT'] : []),
    ...(options.user === undefined ? ['--user USER'] : []),
    ...(options.passwordFile === undefined && env[passwordVariable] === undefined
      ? [`--password-file FILE (or ${passwordVariable} in the environment, empty for none)`]
      : []),
  ];
}

export async function loginOf(
  options: InitOptions,
  env: NodeJS.ProcessEnv,
  prompter: Prompter | null,
): Promise<Login> {
  const user =
    options.user ??
    (await prompter?.ask({ text: 'User that Aurelay logs in as', usual: 'aurelay', read: readWord })) ??
    '';
  if (options.passwordFile !== undefined) {
    const path = resolve(options.passwordFile);
    return { user, password: readPassword(path), kept: { kind: 'file', path }, typed: false };
  }
  const given = env[passwordVariable];
  if (given !== undefined) return { ...fromEnvironment(user, given), typed: false };
  return askPassword(user, prompter);
}

export async function askPassword(user: string, prompter: Prompter | null): Promise<Login> {
  const text = `Password of ${user} (empty: none; it is not shown, and not written to the file)`;
  const typed = (await prompter?.ask({ text, usual: '', hidden: true, read: String })) ?? '';
  return { ...fromEnvironment(user, typed), typed: true };
}

const fromEnvironment = (user: string, password: string): Omit<Login, 'typed'> =>
  password === ''
    ? { user, password: null, kept: { kind: 'none' } }
    : { user, password, kept: { kind: 'environment', name: passwordVariable } };

function readPassword(path: string): string {
  const text = contentOf(path).replace(/\r?\n$/, '');
  if (text === '') throw new InitFailed(`the password file ${path} is empty`);
  if (/[\r\n\0]/.test(text)) throw new InitFailed(`the password file ${path} has more than one line`);
  return text;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InitFailed(`the password file ${unreadable(path, error).message}`);
  }
}
