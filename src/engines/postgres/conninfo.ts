import type { Address } from '../../cluster/instance.ts';
import type { Credentials } from '../engine.ts';

/** libpq's connection parameters, by keyword, in the order in which they were first given. */
export type Conninfo = ReadonlyMap<string, string>;

/** The text is no libpq connection string. Says where, and never what: there may be a password in it. */
export class ConninfoInvalid extends Error {
  override readonly name = 'ConninfoInvalid';
}

/** The names that libpq knows are made of these characters. */
const keywordForm = /^\w+$/;
const uriScheme = /^postgres(?:ql)?:\/\//;

/** Reads either form of a libpq connection string (manual, "Connection Strings"). Throws `ConninfoInvalid`. */
export function parseConninfo(text: string): Conninfo {
  return uriScheme.test(text) ? parseUri(text) : parseKeywords(text);
}

/** Keyword/value form, each value in quotes: `host='db1' port='5432'`. */
export function formatConninfo(conninfo: Conninfo): string {
  return [...conninfo].map(([keyword, value]) => `${keyword}=${quote(value)}`).join(' ');
}

/** The same connection to another server. Every way to name the old one goes; all else stays as it is. */
export function withSource(conninfo: Conninfo, source: Address, credentials: Credentials | null): Conninfo {
  const changed = new Map(conninfo);
  changed.delete('hostaddr');
  changed.set('host', source.host);
  changed.set('port', String(source.port));
  if (credentials !== null) {
    changed.set('user', credentials.user);
    if (credentials.password === null) changed.delete('password');
    else changed.set('password', credentials.password);
  }
  return changed;
}

/**
 * No server at all, and the rest as it was, so that `withSource` makes it whole again. The host is a folder of sockets
 * where none can be: unlike a name that does not resolve, it asks no resolver, which may take its time or know better.
 */
export function sealed(conninfo: Conninfo): Conninfo {
  const changed = new Map(conninfo);
  changed.delete('hostaddr');
  return changed.set('host', nowhere);
}

export const isSealed = (conninfo: Conninfo): boolean =>
  conninfo.get('host') === nowhere && !conninfo.has('hostaddr');

const nowhere = '/dev/null/sealed-by-aurelay';

/** The first server that is named, as libpq tries it first; null where none is named by host or address. */
export function sourceOf(conninfo: Conninfo): Address | null {
  const first = (keyword: string): string => (conninfo.get(keyword) ?? '').split(',')[0]?.trim() ?? '';
  const host = first('host') || first('hostaddr');
  if (host === '') return null;
  const port = Number(first('port') || defaultPort);
  return { host, port: Number.isInteger(port) ? port : defaultPort };
}

export const sameConninfo = (a: Conninfo, b: Conninfo): boolean =>
  a.size === b.size && [...a].every(([keyword, value]) => b.get(keyword) === value);

const defaultPort = 5432;

const quote = (value: string): string => `'${value.replace(/[\\']/g, '\\$&')}'`;

// ---- keyword/value ----

/** C's isspace, as libpq uses it; JavaScript's own class holds more. */
const space = /[ \t\n\v\f\r]/;

/** As libpq's `conninfo_parse`: a later setting of a keyword replaces an earlier one. */
function parseKeywords(text: string): Conninfo {
  const settings = new Map<string, string>();
  let at = skipSpace(text, 0);
  while (at < text.length) {
    const nameEnd = endOfName(text, at);
    const keyword = text.slice(at, nameEnd);
    const equals = skipSpace(text, nameEnd);
    if (keyword === '' || text[equals] !== '=') {
      throw new ConninfoInvalid(
        `missing "=" after a keyword of the connection string, at character ${at + 1}`,
      );
    }
    if (!keywordForm.test(keyword)) {
      throw new ConninfoInvalid(
        `a keyword of the connection string that there is none of, at character ${at + 1}`,
      );
    }
    const { value, end } = readValue(text, skipSpace(text, equals + 1));
    settings.set(keyword, value);
    at = skipSpace(text, end);
  }
  return settings;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && space.test(text.charAt(at))) at++;
  return at;
}

function endOfName(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== '=' && !space.test(text.charAt(at))) at++;
  return at;
}

function readValue(text: string, from: number): { readonly value: string; readonly end: number } {
  const quoted = text[from] === "'";
  let at = quoted ? from + 1 : from;
  let value = '';
  for (; at < text.length; at++) {
    const char = text.charAt(at);
    if (quoted ? char === "'" : space.test(char)) return { value, end: quoted ? at + 1 : at };
    if (char !== '\\') value += char;
    else if (at + 1 < text.length) value += text.charAt(++at);
  }
  if (quoted) throw new ConninfoInvalid('a quoted value of the connection string does not end');
  return { value, end: at };
}

// ---- URI ----

/** As libpq's `conninfo_uri_parse`; hosts and ports of several servers become lists with commas. */
function parseUri(text: string): Conninfo {
  const settings = new Map<string, string>();
  const body = text.replace(uriScheme, '');
  // An "@" ends the user where no "/" stands before it: libpq lets a "?" be part of a password, as it is.
  const user = /^([^@/]*)@/.exec(body);
  if (user !== null) readUser(user[1] ?? '', settings);
  const [address = '', query] = splitOnce(user === null ? body : body.slice(user[0].length), '?');
  const [servers = '', database] = splitOnce(address, '/');
  readServers(servers, settings);
  if (database !== undefined && database !== '') settings.set('dbname', decode(database));
  if (query !== undefined) readParameters(query, settings);
  return settings;
}

function readUser(text: string, settings: Map<string, string>): void {
  const [user = '', password] = splitOnce(text, ':');
  if (user !== '') settings.set('user', decode(user));
  if (password !== undefined && password !== '') settings.set('password', decode(password));
}

function readServers(text: string, settings: Map<string, string>): void {
  if (text === '') return;
  const servers = text.split(',').map(readServer);
  if (servers.some(({ host }) => host !== '')) {
    settings.set('host', servers.map(({ host }) => host).join(','));
  }
  if (servers.some(({ port }) => port !== '')) {
    settings.set('port', servers.map(({ port }) => port).join(','));
  }
}

function readServer(text: string): { readonly host: string; readonly port: string } {
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) return { host: bracketed[1] ?? '', port: bracketed[2] ?? '' };
  if (text.startsWith('[')) {
    throw new ConninfoInvalid('an IPv6 address in the connection string lacks its "]"');
  }
  const [host = '', port = ''] = splitOnce(text, ':');
  return { host: decode(host), port };
}

function readParameters(text: string, settings: Map<string, string>): void {
  for (const pair of text.split('&')) {
    const [name = '', value] = splitOnce(pair, '=');
    if (name === '' || value === undefined || value.includes('=')) {
      throw new ConninfoInvalid('a parameter of the connection string has no name, no "=", or more than one');
    }
    const keyword = decode(name);
    // Written out again, any other character would end the keyword, and what follows be another one.
    if (!keywordForm.test(keyword)) {
      throw new ConninfoInvalid('a parameter of the connection string has a name that no parameter has');
    }
    // JDBC's way to say it, which libpq understands.
    if (keyword === 'ssl' && value === 'true') settings.set('sslmode', 'require');
    else settings.set(keyword, decode(value));
  }
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

function decode(text: string): string {
  const decoded = tryDecode(text);
  if (decoded === null || decoded.includes('\0')) {
    throw new ConninfoInvalid('the connection string has a "%" that does not begin an encoded character');
  }
  return decoded;
}

function tryDecode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
