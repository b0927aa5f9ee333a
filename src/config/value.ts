import { z } from 'zod';
import { formatDuration, parseDuration } from '../base/duration.ts';
import { formatNetwork, type Network, parseNetwork } from '../base/network.ts';
import { type HostPort, readAddress } from './address.ts';

/** What one kind of value is called and looks like, for errors and the reference. */
export interface ValueKind {
  /** With its article: `a duration`. */
  readonly what: string;
  readonly example: string;
  /** The reference's `type` column. */
  readonly type: string;
  readonly choices: readonly string[] | null;
  /** Never shown, wherever it stands. */
  readonly secret: boolean;
}

export const valueKinds = z.registry<ValueKind>();

/**
 * Why a text was refused: it has another form, or it is beyond a limit (then `text` says which). Neither `text` nor
 * `hint` may repeat the value: it can come from the environment.
 */
export interface Refusal {
  readonly why: 'form' | 'limit';
  readonly text?: string;
  readonly hint?: string;
  /** What the writer probably meant; made of the value, so it is only shown where the value may be. */
  readonly suggestion?: string;
}

type Reading<Value> = { readonly ok: true; readonly value: Value } | ({ readonly ok: false } & Refusal);

const form = (hint?: string): { ok: false; why: 'form'; hint?: string } =>
  hint === undefined ? { ok: false, why: 'form' } : { ok: false, why: 'form', hint };
const limit = (text: string) => ({ ok: false, why: 'limit', text }) as const;

/** Every value is text in the file (see `source.ts`) and read by the key that it belongs to. */
function value<Value>(
  kind: Pick<ValueKind, 'what' | 'example' | 'type'> & Partial<ValueKind>,
  read: (text: string) => Reading<Value>,
) {
  const schema = z.string().transform((text, context): Value => {
    const reading = read(text);
    if (reading.ok) return reading.value;
    const { ok: _, ...refusal } = reading;
    context.addIssue({ code: 'custom', message: refusal.text ?? refusal.why, params: refusal });
    return z.NEVER;
  });
  return schema.register(valueKinds, { choices: null, secret: false, ...kind });
}

/** Milliseconds. The upper limits keep every timer below what a timer can hold (24.8 days). */
export function duration(fromMs: number, toMs: number) {
  const from = fromMs === 0 ? '0s' : formatDuration(fromMs);
  const range = `\`${from}\` to \`${formatDuration(toMs)}\``;
  return value({ what: 'a duration', example: '5s', type: `duration, ${range}` }, (text) => {
    if (/^\d+(\.\d+)?$/.test(text)) {
      return { ...form('add a unit: `ms`, `s`, `m`, `h` or `d`'), suggestion: `${text}s` };
    }
    const milliseconds = parseDuration(text);
    if (milliseconds === null) {
      return form('a number and a unit without a space between them: `250ms`, `1.5s`, `5m`, `1h`');
    }
    if (milliseconds < fromMs || milliseconds > toMs) return limit(`must be from ${range}`);
    return { ok: true, value: milliseconds };
  });
}

export function wholeNumber(from: number, to: number) {
  const kind = { what: 'a whole number', example: String(from), type: `whole number, ${from} to ${to}` };
  return value(kind, (text) => {
    if (!/^-?\d{1,15}$/.test(text)) return form();
    const number = Number(text);
    if (number < from || number > to) return limit(`must be from ${from} to ${to}`);
    return { ok: true, value: number };
  });
}

/** How much of the log may be lost; the unit depends on the engine, which a check sees to. */
export interface LossLimit {
  readonly amount: number;
  readonly unit: 'bytes' | 'none';
}

const byteUnits: Readonly<Record<string, number>> = { B: 1, kB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 };

/** PostgreSQL's own units: 1kB is 1024 bytes. */
export function lossLimit() {
  const kind = { what: 'a loss', example: '16MB', type: 'bytes (`16MB`) or transactions (`100`)' };
  return value<LossLimit>(kind, (text) => {
    const match = /^(\d{1,12})(B|kB|MB|GB)?$/.exec(text);
    if (match === null)
      return form('bytes for PostgreSQL (`0`, `512kB`, `16MB`, `1GB`), transactions for MySQL (`100`)');
    const [, digits = '', unit] = match;
    const factor = unit === undefined ? 1 : (byteUnits[unit] ?? 1);
    return {
      ok: true,
      value: { amount: Number(digits) * factor, unit: unit === undefined ? 'none' : 'bytes' },
    };
  });
}

/** Where to listen: the port is always written. */
export function listenAddress(example: string) {
  return value({ what: 'an address', example, type: 'address, `host:port`' }, (text) => {
    const reading = readAddress(text, true);
    if (!reading.ok) return reading;
    return { ok: true, value: { host: reading.address.host, port: reading.address.port ?? 0 } };
  });
}

/** Where a server listens: the port may be left to the engine's default. */
export function serverAddress(example: string) {
  const kind = { what: 'an address', example, type: 'address, `host` or `host:port`' };
  return value<HostPort>(kind, (text) => {
    const reading = readAddress(text, false);
    return reading.ok ? { ok: true, value: reading.address } : reading;
  });
}

/** Bits behind the prefix are refused: nobody can tell whether the address or the prefix is the slip. */
export function network(example: string) {
  const kind = { what: 'a network', example, type: 'network, `10.0.0.0/8`, `fd00::/8`, or one address' };
  return value<Network>(kind, (text) => {
    const read = parseNetwork(text);
    if (read === null) return form('an IP address without a port, and the bits of its prefix: `10.0.0.0/8`');
    const written = parseNetwork(text.split('/')[0] ?? '');
    const isExact = written?.ip.every((byte, i) => byte === read.ip[i]) === true;
    if (isExact) return { ok: true, value: read };
    return { ...form('the address has bits behind the prefix'), suggestion: formatNetwork(read) };
  });
}

/** A host name or an IP address, as a certificate may have it. */
export function serverName(example: string) {
  return value({ what: 'a host name', example, type: 'host name' }, (written) => {
    const reading = readAddress(written.includes(':') ? `[${written}]` : written, false);
    if (!reading.ok) return form('a host name or an IP address, without a port');
    return { ok: true, value: reading.address.host };
  });
}

const dnsName =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;

/** A DNS name that clients put into their TLS hello: one host, in the letters of ASCII, without a dot at the end. */
export function hostName(example: string) {
  return value({ what: 'a host name', example, type: 'host name' }, (written) => {
    if (written.includes('*'))
      return form('one name, without a wildcard: each endpoint has a name of its own');
    if (written.includes(':')) return form('a name alone: the port is in `listen`');
    if (/^[\d.]+$/.test(written))
      return form('a name, not an address: clients send no address in a TLS hello');
    if (/[^ -~]/.test(written)) return form('write it as DNS has it, in ASCII: `xn--…`');
    if (!dnsName.test(written)) {
      return form(
        'labels of letters, digits and `-`, at most 63 characters each and 253 in all, with dots between',
      );
    }
    return { ok: true, value: written.toLowerCase() };
  });
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controlCharacter = /[\u0000-\u001f\u007f]/;

/** One line of text that is not empty. */
export function text(what: string, example: string, longest: number) {
  return value({ what, example, type: 'text' }, (written) => {
    if (written.trim() === '') return form('it is empty');
    if (controlCharacter.test(written)) return form('it has a line break or another control character');
    if (written.length > longest) return limit(`must have at most ${longest} characters`);
    return { ok: true, value: written };
  });
}

/** Empty is none at all: `${PASSWORD:-}` is how to have a password in one place and none in another. */
export function secret(example: string) {
  return value({ what: 'a password', example, type: 'text', secret: true }, (written) => {
    if (controlCharacter.test(written)) return form('it has a line break or another control character');
    if (written.length > longestSecret) return limit(`must have at most ${longestSecret} characters`);
    return { ok: true, value: written === '' ? null : written };
  });
}

/** What a bearer token may be made of (RFC 6750, 2.1: `b64token`), so that it fits into a header as it is. */
const tokenForm = /^[A-Za-z0-9._~+/-]+=*$/;
const shortestToken = 16;

/** What is wrong with a bearer token; null where it can be one. */
export function tokenFlaw(written: string): string | null {
  if (!tokenForm.test(written)) return 'may only have letters, digits and `-._~+/`, and `=` at its end';
  if (written.length < shortestToken) return `must have at least ${shortestToken} characters`;
  return written.length > longestSecret ? `must have at most ${longestSecret} characters` : null;
}

/** A secret that is sent in a header; empty is none at all, as with passwords. */
export function bearerToken(example: string) {
  return value({ what: 'a token', example, type: 'text', secret: true }, (written) => {
    const flaw = written === '' ? null : tokenFlaw(written);
    if (flaw !== null) return { ...limit(flaw), hint: '`openssl rand -hex 32` makes one' };
    return { ok: true, value: written === '' ? null : written };
  });
}

export const longestSecret = 4096;

export function choice<const Value extends string>(...values: readonly [Value, ...Value[]]) {
  const shown = values.map((one) => `\`${one}\``).join(', ');
  return z.enum(values).register(valueKinds, {
    what: `one of ${shown}`,
    example: values[0],
    type: shown,
    choices: values,
    secret: false,
  });
}
