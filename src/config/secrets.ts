import { clustersOf, error } from './checks/check.ts';
import { type Finding, formatPath } from './finding.ts';
import type { Inspection } from './inspection.ts';
import type { Path } from './outline.ts';
import { longestSecret, tokenFlaw } from './value.ts';

/** Passwords by the path of their section, `clusters.orders.monitor`; the token of the admin API is at `admin`. */
export type Secrets = ReadonlyMap<string, string>;

/** Reads each `password_file`, and the `token_file`. What is in one never gets into a finding, nor does a path from the environment. */
export function readSecrets(
  inspection: Inspection,
  readFile: (path: string) => string,
): { readonly secrets: Secrets; readonly findings: readonly Finding[] } {
  const secrets = new Map<string, string>();
  const findings: Finding[] = [];
  for (const cluster of clustersOf(inspection)) {
    for (const section of ['monitor', 'replication'] as const) {
      const login = cluster.value[section];
      const path = [...cluster.path, section];
      if (login?.password_file === undefined) continue;
      if (inspection.has([...path, 'password'])) findings.push(both(path, 'password'));
      const result = readSecret(login.password_file, readFile);
      if (result.ok) secrets.set(formatPath(path), result.secret);
      else findings.push(error('secret-file', [...path, 'password_file'], `the password file ${result.why}`));
    }
  }
  findings.push(...readToken(inspection, readFile, secrets));
  return { secrets, findings };
}

function* readToken(
  { settings, has }: Inspection,
  readFile: (path: string) => string,
  secrets: Map<string, string>,
): Iterable<Finding> {
  const path = ['admin'];
  const file = settings.admin?.token_file;
  if (file === undefined) return;
  if (has([...path, 'token'])) yield both(path, 'token');
  const result = readSecret(file, readFile);
  const flaw = result.ok ? tokenFlaw(result.secret) : null;
  if (result.ok && flaw === null) secrets.set(formatPath(path), result.secret);
  else {
    const why = result.ok ? `has a token that cannot be one: it ${flaw}` : result.why;
    yield error('secret-file', [...path, 'token_file'], `the token file ${why}`, {
      hint: result.ok ? '`openssl rand -hex 32` makes one' : null,
    });
  }
}

const both = (path: Path, secret: 'password' | 'token'): Finding =>
  error(
    'conflicting-keys',
    [...path, `${secret}_file`],
    `\`${secret}\` and \`${secret}_file\` are both given`,
    {
      on: 'key',
      hint: 'remove one of them',
    },
  );

type SecretReading =
  | { readonly ok: true; readonly secret: string }
  | { readonly ok: false; readonly why: string };

function readSecret(path: string, readFile: (path: string) => string): SecretReading {
  let content: string;
  try {
    content = readFile(path);
  } catch (thrown) {
    return { ok: false, why: reasonOf(thrown) };
  }
  const secret = content.replace(/\r?\n$/, '');
  if (secret === '') return { ok: false, why: 'is empty' };
  if (/[\r\n\0]/.test(secret)) return { ok: false, why: 'has more than one line' };
  if (secret.length > longestSecret) return { ok: false, why: `has more than ${longestSecret} characters` };
  return { ok: true, secret };
}

/** The system's message repeats the path, so only its code is looked at. */
function reasonOf(thrown: unknown): string {
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : null;
  switch (code) {
    case 'ENOENT':
      return 'does not exist';
    case 'EACCES':
    case 'EPERM':
      return 'may not be read by this user';
    case 'EISDIR':
      return 'is a folder';
    default:
      return `cannot be read${typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? ` (${code})` : ''}`;
  }
}
