import type { HelloEvent, HelloReader } from '../engine.ts';
import { Accumulator } from './accumulator.ts';

const handshakeRecord = 0x16;
const recordHeaderBytes = 5;
/** 2^14, the most that a TLS record without encryption may carry (RFC 8446, 5.1). */
const maxRecordBytes = 16_384;
const clientHelloType = 1;
const messageHeaderBytes = 4;
/** Real ones have a few hundred bytes, with post-quantum keys about two thousand. */
const maxHelloBytes = 16_384;
const serverNameExtension = 0;
const hostNameType = 0;
const maxNameBytes = 255;
/**
 * What is no DNS name counts as none, addresses included (RFC 6066, 3): libpq sends the folder of its Unix sockets where
 * it was given a `hostaddr` and no `host`.
 */
const canBeHost = /^[\w.-]+$/;
const isAddress = /^[\d.]+$/;

const needMore: HelloEvent = { kind: 'need-more' };
const malformed = (why: string): HelloEvent => ({ kind: 'malformed', why });
const notTls = malformed('this is no TLS client hello');
const tooLong = malformed(`a TLS client hello of more than ${maxHelloBytes} bytes`);
const broken = malformed('a TLS client hello that cannot be read');

/**
 * Reads the server name in a TLS ClientHello (RFC 8446, 4.1.2; RFC 6066, 3), in however many records and pieces it
 * comes, without being a side of the handshake: the bytes stay as they are, for whoever is.
 *
 * Records are looked at one by one, each once, so that a client that sends it byte by byte costs no more than one that
 * sends it whole, and so that the answer does not depend on how the bytes were cut.
 */
export class ClientHelloReader implements HelloReader {
  readonly #held = new Accumulator();
  /** What the records carry. */
  readonly #message = new Accumulator();
  /** Where the next record begins. */
  #at = 0;
  #verdict: HelloEvent | null = null;

  push(chunk: Uint8Array): HelloEvent {
    if (this.#verdict !== null) return this.#verdict;
    this.#held.append(chunk);
    for (;;) {
      const event = this.#nextRecord();
      if (event === null) continue;
      if (event.kind !== 'need-more') this.#verdict = event;
      return event;
    }
  }

  rest(): Uint8Array {
    return this.#held.takeAll();
  }

  /** Null: there may be another record to look at. */
  #nextRecord(): HelloEvent | null {
    const record = this.#held.view().subarray(this.#at);
    const [type, major, minor, high, low, first] = record;
    if (type !== undefined && type !== handshakeRecord) return notTls;
    if (major !== undefined && major !== 3) return notTls;
    // 3.4 is never on the wire, but costs nothing to pass on: the server judges it.
    if (minor !== undefined && minor > 4) return notTls;
    if (high === undefined || low === undefined) return needMore;
    const payload = high * 256 + low;
    if (payload === 0 || payload > maxRecordBytes) return notTls;
    if (this.#at === 0 && first !== undefined && first !== clientHelloType) return notTls;
    if (record.length < recordHeaderBytes + payload) return needMore;
    this.#message.append(record.subarray(recordHeaderBytes, recordHeaderBytes + payload));
    this.#at += recordHeaderBytes + payload;
    return this.#readMessage();
  }

  #readMessage(): HelloEvent | null {
    const message = this.#message.view();
    if (message.length < messageHeaderBytes) return null;
    const length = uint24(message, 1);
    if (length > maxHelloBytes) return tooLong;
    if (message.length < messageHeaderBytes + length) return null;
    const name = serverName(message.subarray(messageHeaderBytes, messageHeaderBytes + length));
    if (name === undefined) return broken;
    return { kind: 'hello', serverName: name, bytes: this.#held.take(this.#at) };
  }
}

/** Null where the client gives none; undefined where the hello's fields do not fit into each other. */
function serverName(hello: Uint8Array): string | null | undefined {
  const fields = new Fields(hello);
  fields.skip(2 + 32); // legacy_version, random
  fields.vector(1); // legacy_session_id
  fields.vector(2); // cipher_suites
  fields.vector(1); // legacy_compression_methods
  if (fields.isBroken) return undefined;
  if (fields.isAtEnd) return null; // TLS 1.2 without extensions
  const extensions = new Fields(fields.vector(2));
  if (fields.isBroken || !fields.isAtEnd) return undefined;
  let name: string | null | undefined = null;
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const body = extensions.vector(2);
    if (type === serverNameExtension && !extensions.isBroken) name = hostName(body);
    if (name === undefined) return undefined;
  }
  return extensions.isBroken ? undefined : name;
}

function hostName(extension: Uint8Array): string | null | undefined {
  const outer = new Fields(extension);
  const list = new Fields(outer.vector(2));
  if (outer.isBroken || !outer.isAtEnd) return undefined;
  while (!list.isAtEnd) {
    const type = list.number(1);
    const name = list.vector(2);
    if (list.isBroken) return undefined;
    if (type !== hostNameType) continue;
    const text = String.fromCharCode(...name.subarray(0, maxNameBytes + 1));
    return canBeHost.test(text) && !isAddress.test(text) ? text : null;
  }
  return list.isBroken ? undefined : null;
}

/** Fields one behind the other; reading past the end gives nothing, for ever. */
class Fields {
  readonly #bytes: Uint8Array;
  #at = 0;
  isBroken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.isBroken ? true : this.#at === this.#bytes.length;
  }

  skip(count: number): void {
    this.#take(count);
  }

  number(size: 1 | 2): number {
    const [first = 0, second = 0] = this.#take(size);
    return size === 1 ? first : first * 256 + second;
  }

  /** A length of `size` bytes, and so many bytes. */
  vector(size: 1 | 2): Uint8Array {
    return this.#take(this.number(size));
  }

  #take(count: number): Uint8Array {
    this.isBroken ||= this.#at + count > this.#bytes.length;
    if (this.isBroken) return new Uint8Array(0);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}

const uint24 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)) * 256 + (bytes[at + 2] ?? 0);
