import type { ClientEvent, ClientOpening, ClientRequest } from '../engine.ts';
import { Accumulator } from './accumulator.ts';

/** What the first bytes of a client are, once enough of them are there. `length` is the whole message's, in bytes. */
type Decoded =
  | { readonly kind: 'need-more' }
  | { readonly kind: 'malformed'; readonly why: string }
  | { readonly kind: 'cancel' | 'goodbye'; readonly length: number }
  | { readonly kind: ClientRequest['kind']; readonly length: number };

/** `MAX_STARTUP_PACKET_LENGTH` of the server (src/include/libpq/pqcomm.h), which does not count the length word. */
const maxStartupPacketBytes = 10_000;
const maxMessageBytes = maxStartupPacketBytes + 4;
const minMessageBytes = 8;

/** The codes that stand where a protocol version stands, behind a "major version" of 1234 (protocol, chapter 54.7). */
const cancelCode = 80_877_102;
const tlsCode = 80_877_103;
const gssCode = 80_877_104;
const specialMajor = 1234;
const supportedMajor = 3;

/** Length, code and process id. */
const cancelHeaderBytes = 12;
const minCancelKeyBytes = 4;
/** Protocol 3.2 (PostgreSQL 18). */
const maxCancelKeyBytes = 256;

const tlsHandshakeRecord = 0x16;
const tlsRecordHeaderBytes = 5;
/** 2^14, the most that a TLS record without encryption may carry (RFC 8446, 5.1). */
const maxTlsRecordBytes = 16_384;
const clientHello = 1;

const needMore: Decoded = { kind: 'need-more' };
const malformed = (why: string): Decoded => ({ kind: 'malformed', why });

const wrongLength = malformed(
  `invalid length of a PostgreSQL startup packet (${minMessageBytes} to ${maxMessageBytes} bytes are possible)`,
);
const wrongLayout = malformed(
  'invalid layout of a PostgreSQL startup packet: expected a terminator as last byte',
);

/**
 * A Terminate message. Drivers whose user closes while they connect send it first (node-postgres); the server, which
 * reads it as a length, closes without a word.
 */
const terminate = [0x58, 0, 0, 0, 4] as const;

/** First bytes of other protocols that people point at a PostgreSQL port by mistake. */
const strangers: readonly { readonly starts: readonly string[]; readonly why: string }[] = [
  {
    starts: ['GET ', 'POST', 'PUT ', 'HEAD', 'OPTI', 'DELE', 'PATC', 'CONN', 'PRI '],
    why: 'this is a PostgreSQL endpoint, and the client speaks HTTP: use a PostgreSQL driver with this port',
  },
  { starts: ['SSH-'], why: 'this is a PostgreSQL endpoint, and the client speaks SSH' },
];

/**
 * Reads what a PostgreSQL client says first: SSLRequest, GSSENCRequest, StartupMessage 3.x, CancelRequest, or a TLS
 * hello with nothing before it (manual, "Message Formats" and "SSL Session Encryption").
 *
 * Each check looks at no more bytes than it needs and the checks run in the order of the bytes, so that a liar is
 * found out at once and the answer does not depend on how the bytes were cut. After an event the decoder reads the
 * next message, from what is left behind the last one; after `malformed` it stays there.
 */
export class StartupOpening implements ClientOpening {
  readonly #held = new Accumulator();
  #verdict: ClientEvent | null = null;

  push(chunk: Uint8Array): ClientEvent {
    if (this.#verdict !== null) return this.#verdict;
    this.#held.append(chunk);
    const decoded = decode(this.#held.view());
    switch (decoded.kind) {
      case 'need-more':
        return decoded;
      case 'malformed':
        this.#held.takeAll();
        this.#verdict = decoded;
        return decoded;
      case 'cancel':
        return { kind: 'cancel', bytes: this.#held.take(decoded.length) };
      case 'goodbye':
        this.#held.take(decoded.length);
        return { kind: 'goodbye' };
      default:
        return {
          kind: 'request',
          request: { kind: decoded.kind, bytes: this.#held.take(decoded.length) },
        };
    }
  }

  rest(): Uint8Array {
    return this.#held.takeAll();
  }
}

function decode(bytes: Uint8Array): Decoded {
  const first = bytes[0];
  if (first === undefined) return needMore;
  if (first === tlsHandshakeRecord) return decodeTlsHello(bytes);
  if (first !== 0) return decodeStranger(bytes);
  return decodePacket(bytes);
}

function decodePacket(bytes: Uint8Array): Decoded {
  if (smallestPossible(bytes) > maxMessageBytes) return wrongLength;
  if (bytes.length < 4) return needMore;
  const length = uint32(bytes, 0);
  if (length < minMessageBytes) return wrongLength;

  if (bytes.length < 6) return needMore;
  const major = uint16(bytes, 4);
  if (major !== supportedMajor && major !== specialMajor) {
    return malformed(
      `unsupported PostgreSQL protocol version ${major}: the versions ${supportedMajor}.x are supported`,
    );
  }
  if (bytes.length < 8) return needMore;
  return major === supportedMajor
    ? decodeStartup(bytes, length)
    : decodeSpecial(bytes, length, uint32(bytes, 4));
}

/** The length that the first bytes announce at least, while the length word is not complete. */
function smallestPossible(bytes: Uint8Array): number {
  let value = 0;
  for (let index = 0; index < 4; index++) value = value * 256 + (bytes[index] ?? 0);
  return value;
}

function decodeSpecial(bytes: Uint8Array, length: number, code: number): Decoded {
  switch (code) {
    case tlsCode:
      return length === 8 ? { kind: 'tls', length } : wrongLength;
    case gssCode:
      return length === 8 ? { kind: 'gss', length } : wrongLength;
    case cancelCode: {
      const keyBytes = length - cancelHeaderBytes;
      if (keyBytes < minCancelKeyBytes || keyBytes > maxCancelKeyBytes) {
        return malformed(
          `invalid length of a cancel request: its key has ${minCancelKeyBytes} to ${maxCancelKeyBytes} bytes`,
        );
      }
      return bytes.length < length ? needMore : { kind: 'cancel', length };
    }
    default:
      return malformed(`unknown PostgreSQL request code ${code}`);
  }
}

/** Any minor version: the server negotiates it (NegotiateProtocolVersion). Names and values are the server's matter. */
function decodeStartup(bytes: Uint8Array, length: number): Decoded {
  if (length === minMessageBytes) return wrongLayout;
  if (bytes.length < length) return needMore;
  return parametersEnd(bytes.subarray(0, length)) === length ? { kind: 'startup', length } : wrongLayout;
}

/** Where the pairs of names and values end, their terminator included; past the message where there is none. */
function parametersEnd(bytes: Uint8Array): number {
  let at = minMessageBytes;
  while (at < bytes.length && bytes[at] !== 0) {
    for (let strings = 0; strings < 2; strings++) {
      const end = bytes.indexOf(0, at);
      if (end === -1) return bytes.length + 1;
      at = end + 1;
    }
  }
  return at + 1;
}

function decodeTlsHello(bytes: Uint8Array): Decoded {
  const notTls = malformed('the first bytes look like TLS, but are no TLS client hello');
  if (bytes.length > 1 && bytes[1] !== 3) return notTls;
  // 3.4 is never on the wire, but costs nothing to pass on: the server judges it.
  if (bytes.length > 2 && (bytes[2] ?? 0) > 4) return notTls;
  if (bytes.length < tlsRecordHeaderBytes) return needMore;
  const payload = uint16(bytes, 3);
  if (payload < 4 || payload > maxTlsRecordBytes) return notTls;
  if (bytes.length > tlsRecordHeaderBytes && bytes[tlsRecordHeaderBytes] !== clientHello) return notTls;
  const length = tlsRecordHeaderBytes + payload;
  return bytes.length < length ? needMore : { kind: 'direct-tls', length };
}

function decodeStranger(bytes: Uint8Array): Decoded {
  if (terminate.every((byte, index) => byte === (bytes[index] ?? byte))) {
    return bytes.length < terminate.length ? needMore : { kind: 'goodbye', length: terminate.length };
  }
  const text = String.fromCharCode(...bytes.subarray(0, 4));
  for (const { starts, why } of strangers) {
    for (const start of starts) {
      if (text.startsWith(start)) return malformed(why);
      if (start.startsWith(text)) return needMore;
    }
  }
  return wrongLength;
}

const uint16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
const uint32 = (bytes: Uint8Array, at: number): number => uint16(bytes, at) * 65_536 + uint16(bytes, at + 2);
