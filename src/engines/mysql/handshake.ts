import type { ClientError } from '../../base/errors.ts';
import type { ClientOpening, Protocol, ServerEvent, ServerOpening } from '../engine.ts';
import { encodeErrorBeforeGreeting, errorMarker, readError } from './error-packet.ts';
import { type Greeting, protocolVersion10, readGreeting } from './greeting.ts';
import { mysqlKill } from './kill.ts';
import { headerLength, joinBytes, readHeader } from './packets.ts';
import { TlsExchange } from './tls-exchange.ts';

/** Greetings take 70 to 150 bytes and errors up to 520; whoever announces more than this is no MySQL server. */
const maxFirstPayload = 4096;
/** What one server may send before its client has said anything. */
const maxBuffered = 65_536;

/**
 * Errors in place of a greeting that another server, or the same one a little later, need not give (MySQL Server Error
 * Reference): 1040 too many connections, 1053 shutting down, 1080 forcing close, 1129 this host is blocked there,
 * 1135 cannot make a thread. Others, such as 1130 (host not allowed), are the user's to see.
 */
const retryableErrnos: ReadonlySet<number> = new Set([1040, 1053, 1080, 1129, 1135]);

/** The MySQL protocol's beginning: the server speaks first, so that the server is chosen before the client speaks. */
export const mysqlProtocol: Protocol = {
  speaksFirst: 'server',
  clientOpening: () => prematureClient,
  serverOpening: () => new MysqlServerOpening(),
  refusal,
  kill: mysqlKill,
  exchange: (terms) => new TlsExchange(terms),
};

/**
 * Reads a server's first packet: a greeting or an error. The proxy needs the events only; the prober also looks at
 * `greeting`, which is set once a greeting was accepted.
 */
export class MysqlServerOpening implements ServerOpening {
  greeting: Greeting | null = null;
  private readonly pieces: Uint8Array[] = [];
  private buffered = 0;

  push(chunk: Uint8Array): ServerEvent {
    this.pieces.push(chunk);
    this.buffered += chunk.length;
    if (this.buffered > maxBuffered) {
      return malformed(`it sent ${this.buffered} bytes before the client said anything`);
    }
    const bytes = joinBytes(this.pieces);
    this.pieces.splice(0, this.pieces.length, bytes);
    return this.read(bytes);
  }

  private read(bytes: Uint8Array): ServerEvent {
    const header = readHeader(bytes);
    if (header === null) return { kind: 'need-more' };
    const { payloadLength, sequence } = header;
    if (sequence !== 0 || payloadLength === 0 || payloadLength > maxFirstPayload) {
      return malformed(nameStranger(bytes.subarray(0, headerLength)));
    }
    const marker = bytes[headerLength];
    if (marker === undefined) return { kind: 'need-more' };
    if (marker !== protocolVersion10 && marker !== errorMarker) return malformed(nameMarker(marker));
    const packetLength = headerLength + payloadLength;
    if (bytes.length < packetLength) return { kind: 'need-more' };
    const packet = bytes.subarray(0, packetLength);
    return marker === errorMarker ? refused(packet, bytes) : this.accept(packet, bytes);
  }

  private accept(packet: Uint8Array, bytes: Uint8Array): ServerEvent {
    this.greeting = readGreeting(packet);
    if (this.greeting === null) return malformed('its greeting is cut short');
    return { kind: 'accepted', bytes };
  }
}

function refused(packet: Uint8Array, bytes: Uint8Array): ServerEvent {
  const error = readError(packet);
  if (error === null) return malformed('its error packet is cut short');
  return {
    kind: 'refused',
    bytes,
    retryable: retryableErrnos.has(error.errno),
    code: String(error.errno),
    message: error.message,
  };
}

const malformed = (why: string): ServerEvent => ({ kind: 'malformed', why });

/** Whoever else may listen where a MySQL server was expected, by the first four bytes that it sends. */
const strangers: ReadonlyMap<string, string> = new Map([
  ['SSH-', 'an SSH server'],
  ['HTTP', 'an HTTP server'],
  ['220 ', 'a mail or FTP server'],
  ['220-', 'a mail or FTP server'],
  ['-DEN', 'a Redis server'],
  ['+OK ', 'a POP3 server'],
  ['* OK', 'an IMAP server'],
  ['RFB ', 'a VNC server'],
]);

function nameStranger(firstBytes: Uint8Array): string {
  const stranger = strangers.get(new TextDecoder('latin1').decode(firstBytes));
  return stranger === undefined
    ? 'its first packet has no MySQL header: something other than a MySQL server answers there'
    : `${stranger} answers there, not a MySQL server`;
}

const mysqlxNotice = 0x0b;
const protocolVersion9 = 0x09;

function nameMarker(marker: number): string {
  if (marker === mysqlxNotice) {
    return 'it speaks the X Protocol (usually on port 33060): use the port of the classic protocol (3306)';
  }
  if (marker === protocolVersion9) return 'it speaks protocol version 9 (MySQL 3.20): version 10 is needed';
  return `its first packet is no greeting (it begins with 0x${marker.toString(16).padStart(2, '0')})`;
}

/** A client that speaks before it was greeted is no MySQL client; the proxy never has to read one. */
const prematureClient: ClientOpening = {
  push: () => ({ kind: 'malformed', why: 'the client spoke first; in the MySQL protocol the server does' }),
  rest: () => new Uint8Array(0),
};

/** The hint goes behind the message: an ERR packet has one text. */
function refusal(error: ClientError): Uint8Array {
  const message = /[.!?]$/.test(error.message) ? error.message : `${error.message}.`;
  const hint = error.hint === '' ? '' : ` ${error.hint}`;
  return encodeErrorBeforeGreeting({ errno: error.mysqlErrno, message: `${message}${hint}` });
}
