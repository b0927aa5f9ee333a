import { formatAddress } from '../../cluster/instance.ts';
import { type HostPort, readAddress } from '../../config/address.ts';
import type { TlsMode } from '../../config/tls.ts';
import type { EngineName } from '../../engines/engine.ts';

/** As they are written on the command line. */
export interface InitFlags {
  readonly engine?: EngineName;
  readonly address?: string;
  readonly instance?: readonly string[];
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

export type InitOptions = Omit<InitFlags, 'address' | 'instance'> & {
  readonly address?: HostPort;
  readonly instance?: readonly NamedInstance[];
};

export interface NamedInstance {
  readonly name: string | null;
  readonly address: HostPort;
}

export const nameForm = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const nameRule = 'lower-case letters, digits, `-` and `_`, a letter or digit first, at most 63 characters';

/** What was said cannot be used; the message is the rule. */
export class NotUsable extends Error {
  override readonly name = 'NotUsable';
}

/** Throws `NotUsable` with the flag. */
export function readFlags(flags: InitFlags): InitOptions {
  const { address, instance, ...rest } = flags;
  const read = <Value>(flag: string, text: string | undefined, reader: (text: string) => Value) => {
    try {
      return text === undefined ? undefined : reader(text);
    } catch (error) {
      throw new NotUsable(`${flag}: ${(error as Error).message}`);
    }
  };
  read('--user', flags.user, readWord);
  read('--database', flags.database, readWord);
  read('--cluster', flags.cluster, readName);
  const start = read('--address', address, readServerAddress);
  const named = instance?.map((text) => read('--instance', text, readInstance) as NamedInstance);
  return {
    ...rest,
    listenHost: read('--listen-host', flags.listenHost, readHost) ?? flags.listenHost,
    ...(start === undefined ? {} : { address: start }),
    ...(named === undefined ? {} : { instance: named }),
  };
}

/** Answers are read by the same rules. Each of these throws `NotUsable` with the rule. */
export function readServerAddress(text: string): HostPort {
  const reading = readAddress(text.trim(), false);
  if (reading.ok) return reading.address;
  const hint = reading.hint ?? reading.text;
  throw new NotUsable(
    `It has to be an address as db1:5432 or [fd00::1]:5432${hint === undefined ? '' : ` (${hint})`}.`,
  );
}

/** `HOST:PORT` or `NAME=HOST:PORT`. */
export function readInstance(text: string): NamedInstance {
  const [, name = null, address = ''] = /^(?:([^=]*)=)?(.*)$/.exec(text) ?? [];
  if (name !== null && !nameForm.test(name)) {
    throw new NotUsable(`The name of an instance: ${nameRule}.`);
  }
  return { name, address: readServerAddress(address) };
}

export function readName(text: string): string {
  if (nameForm.test(text)) return text;
  throw new NotUsable(`A name: ${nameRule}.`);
}

/** One line that is not empty: what a configuration takes for a user or a database. */
export function readWord(text: string): string {
  if (text.trim() !== '' && text.length <= 128 && !/\p{Cc}/u.test(text)) return text;
  throw new NotUsable('It has to be one line of at most 128 characters, and not empty.');
}

/** Without brackets, IPv6 too. */
export function readHost(text: string): string {
  const host = text.replace(/^\[(.*)\]$/, '$1');
  const reading = readAddress(formatAddress({ host, port: 1 }), true);
  if (reading.ok) return reading.address.host;
  throw new NotUsable('It has to be a host name or an IP address, without a port.');
}

export function readMode(text: string): 'automatic' | 'observe' {
  if (text === 'automatic' || text === 'observe') return text;
  throw new NotUsable('It has to be automatic or observe.');
}
