import { InvalidArgumentError } from 'commander';
import { formatAddress } from '../../cluster/instance.ts';
import { type HostPort, readAddress } from '../../config/address.ts';
import type { TlsMode } from '../../config/tls.ts';
import type { EngineName } from '../../engines/engine.ts';

export interface InitOptions {
  readonly engine?: EngineName;
  readonly address?: HostPort;
  readonly instance?: readonly NamedInstance[];
  readonly user?: string;
  readonly passwordFile?: string;
  readonly database?: string;
  readonly cluster?: string;
  readonly mode?: 'automatic' | 'observe';
  readonly serverTls?: TlsMode;
  readonly serverCa?: string;
  readonly listenHost: string;
  readonly listenPort?: number;
  readonly adminPort: number;
  readonly stateDir?: string;
  readonly output?: string;
  readonly force?: true;
  readonly json?: true;
}

export interface NamedInstance {
  readonly name: string | null;
  readonly address: HostPort;
}

export const nameForm = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const nameRule = 'lower-case letters, digits, `-` and `_`, a letter or digit first, at most 63 characters';

/** For the command line and for answers alike: throws an `Error` with the rule. */
export function readServerAddress(text: string): HostPort {
  const reading = readAddress(text.trim(), false);
  if (reading.ok) return reading.address;
  const hint = reading.hint ?? reading.text;
  throw new InvalidArgumentError(
    `It has to be an address as db1:5432 or [fd00::1]:5432${hint === undefined ? '' : ` (${hint})`}.`,
  );
}

/** `HOST:PORT` or `NAME=HOST:PORT`, added to those before it. */
export function addInstance(text: string, before: readonly NamedInstance[] = []): readonly NamedInstance[] {
  const [, name = null, address = ''] = /^(?:([^=]*)=)?(.*)$/.exec(text) ?? [];
  if (name !== null && !nameForm.test(name)) {
    throw new InvalidArgumentError(`The name of an instance: ${nameRule}.`);
  }
  return [...before, { name, address: readServerAddress(address) }];
}

export function readName(text: string): string {
  if (nameForm.test(text)) return text;
  throw new InvalidArgumentError(`A name: ${nameRule}.`);
}

/** One line that is not empty: what a configuration takes for a user or a database. */
export function readWord(text: string): string {
  if (text.trim() !== '' && text.length <= 128 && !/\p{Cc}/u.test(text)) return text;
  throw new InvalidArgumentError('It has to be one line of at most 128 characters, and not empty.');
}

/** Without brackets, IPv6 too. */
export function readHost(text: string): string {
  const host = text.replace(/^\[(.*)\]$/, '$1');
  const reading = readAddress(formatAddress({ host, port: 1 }), true);
  if (reading.ok) return reading.address.host;
  throw new InvalidArgumentError('It has to be a host name or an IP address, without a port.');
}

export function readMode(text: string): 'automatic' | 'observe' {
  if (text === 'automatic' || text === 'observe') return text;
  throw new InvalidArgumentError('It has to be automatic or observe.');
}
