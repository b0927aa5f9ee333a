import { DatabaseError } from 'pg-protocol';
import { Parser } from 'pg-protocol/dist/parser.js';
import { unreachable } from '../../base/assert.ts';
import type { ClientError } from '../../base/errors.ts';
import type { ClientRequest, ServerEvent, ServerOpening } from '../engine.ts';
import { Accumulator } from './accumulator.ts';
import { frameHeaderBytes, hasWholeFields, readFrame, typeByte } from './frame.ts';

/** Real first answers are a few hundred bytes; libpq itself takes no error above 30,000. */
const maxAnswerBytes = 65_536;

const needMore: ServerEvent = { kind: 'need-more' };
const malformed = (why: string): ServerEvent => ({ kind: 'malformed', why });

/** SQLSTATEs with which another server may serve: full, shutting down, crashing, starting up (appendix A). */
const retryable = new Set(['53300', '57P01', '57P02', '57P03']);
/** Stands for an error that came without an SQLSTATE because the server could not even fork: out of resources. */
const forkFailureState = '53000';

const authentication = typeByte('R');
const notice = typeByte('N');
const negotiateVersion = typeByte('v');
const errorResponse = typeByte('E');

/** Larger than any authentication code that there is (12), small enough to tell it from text. */
const maxAuthenticationCode = 255;
const tlsHandshakeRecord = 0x16;
const tlsAlertRecord = 0x15;
const tlsAlertBytes = 7;

/**
 * Reads a server's first answer to `request` (protocol, "Message Flow: Start-up", "SSL Session Encryption" and
 * "GSSAPI Session Encryption"). Nothing behind that answer is looked at: an `accepted` event may hold more messages.
 */
export class AnswerOpening implements ServerOpening {
  readonly #request: ClientRequest['kind'];
  readonly #held = new Accumulator();
  #verdict: ServerEvent | null = null;

  constructor(request: ClientRequest['kind']) {
    this.#request = request;
  }

  push(chunk: Uint8Array): ServerEvent {
    if (this.#verdict !== null) return this.#verdict;
    this.#held.append(chunk);
    const bytes = this.#held.view();
    if (bytes.length === 0) return needMore;
    const event = this.#read(bytes);
    if (event.kind === 'need-more') return event;
    this.#held.takeAll();
    this.#verdict = event;
    return event;
  }

  #read(bytes: Uint8Array): ServerEvent {
    switch (this.#request) {
      case 'tls':
        return readUpgradeAnswer(bytes, 'S');
      case 'gss':
        return readUpgradeAnswer(bytes, 'G');
      case 'startup':
        return readStartupAnswer(bytes);
      case 'direct-tls':
        return readTlsAnswer(bytes);
      case 'promised-tls':
        return readPromisedAnswer(bytes);
      default:
        return unreachable(this.#request);
    }
  }
}

function readUpgradeAnswer(bytes: Uint8Array, yes: 'S' | 'G'): ServerEvent {
  switch (bytes[0]) {
    case typeByte(yes):
      return { kind: 'accepted', bytes: bytes.slice() };
    case typeByte('N'):
      return { kind: 'declined', bytes: bytes.slice() };
    case errorResponse:
      return readError(bytes);
    default:
      return malformed('its answer to an encryption request is not one of PostgreSQL');
  }
}

/** The client has had its `S` and is in the middle of its hello: whatever the server says in plain is not for it. */
function readPromisedAnswer(bytes: Uint8Array): ServerEvent {
  const event = readUpgradeAnswer(bytes, 'S');
  switch (event.kind) {
    case 'accepted':
      return { kind: 'accepted', bytes: bytes.slice(1) };
    case 'declined': {
      const message = 'the server does not take TLS, which its client was promised';
      return { ...tlsDeclined, message };
    }
    case 'refused':
      return { ...event, bytes: tlsAlert(internalError) };
    default:
      return event;
  }
}

/**
 * The header is looked at before the session counts as begun: a MySQL greeting starts with its own length, which may
 * well be the letter R, N or v.
 */
function readStartupAnswer(bytes: Uint8Array): ServerEvent {
  const type = bytes[0];
  if (type === errorResponse) return readError(bytes);
  if (type !== authentication && type !== notice && type !== negotiateVersion) {
    return malformed('its answer to a startup message is not one of PostgreSQL');
  }
  const header = readFrame(bytes, maxAnswerBytes);
  if (header.kind === 'bad') return malformed(`it answered with ${header.why}`);
  const bodyStart = frameHeaderBytes + (type === notice ? 1 : 4);
  if (header.kind === 'need-more' || bytes.length < bodyStart) return needMore;
  if (header.frame.length < bodyStart || !startsLike(type, bytes)) {
    return malformed('its answer to a startup message is not one of PostgreSQL');
  }
  return { kind: 'accepted', bytes: bytes.slice() };
}

function startsLike(type: number, bytes: Uint8Array): boolean {
  const [first, second, third, fourth] = bytes.subarray(frameHeaderBytes);
  switch (type) {
    case authentication:
      return first === 0 && second === 0 && third === 0 && (fourth ?? 0) <= maxAuthenticationCode;
    case notice:
      return first === 0 || isLetter(first ?? 0);
    default:
      // The newest minor version that the server speaks; the high half is the major one.
      return first === 0;
  }
}

const isLetter = (byte: number): boolean => (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122);

function readError(bytes: Uint8Array): ServerEvent {
  const header = readFrame(bytes, maxAnswerBytes);
  if (header.kind === 'need-more') return needMore;
  if (header.kind === 'bad') return readAncientError(bytes, header.why);
  const { length } = header.frame;
  if (bytes.length < length) return needMore;
  const message = bytes.slice(0, length);
  if (!hasWholeFields(message)) return malformed('it sent an error that cannot be read');
  const { code, text } = parseError(message);
  return { kind: 'refused', bytes: bytes.slice(), retryable: retryable.has(code), code, message: text };
}

/** Of a message whose length and fields were checked before. */
function parseError(message: Uint8Array): { readonly code: string; readonly text: string } {
  let code = 'XX000';
  let text = 'an error without a message';
  new Parser().parse(Buffer.from(message), (parsed) => {
    if (!(parsed instanceof DatabaseError)) return;
    code = parsed.code ?? code;
    text = parsed.message || text;
  });
  return { code, text };
}

/**
 * A postmaster that cannot fork still says so as in protocol 2: an E and a terminated text, no length. libpq reads it
 * too (`PQconnectPoll`, "pre-3.0 error message").
 */
function readAncientError(bytes: Uint8Array, why: string): ServerEvent {
  for (const byte of bytes.subarray(1, frameHeaderBytes)) {
    if (byte < 32 || byte > 126) return malformed(`it answered with ${why}`);
  }
  const end = bytes.subarray(0, maxAnswerBytes).indexOf(0);
  if (end === -1) {
    return bytes.length < maxAnswerBytes ? needMore : malformed(`it answered with ${why}`);
  }
  const message = new TextDecoder().decode(bytes.subarray(1, end)).trim();
  return { kind: 'refused', bytes: bytes.slice(), retryable: true, code: forkFailureState, message };
}

function readTlsAnswer(bytes: Uint8Array): ServerEvent {
  if (bytes[0] === tlsHandshakeRecord) return { kind: 'accepted', bytes: bytes.slice() };
  const strange = malformed('its answer to a TLS hello is not TLS');
  if (bytes[0] !== tlsAlertRecord) return strange;
  const expected = [tlsAlertRecord, 3, null, 0, 2];
  for (const [index, value] of expected.entries()) {
    if (index < bytes.length && value !== null && bytes[index] !== value) return strange;
  }
  if (bytes.length < tlsAlertBytes) return needMore;
  const alert = bytes[tlsAlertBytes - 1];
  return {
    kind: 'refused',
    bytes: bytes.slice(),
    retryable: false,
    code: `tls-alert-${alert}`,
    message: `the server refused direct TLS with alert ${alert}`,
  };
}

/** TLS alerts (RFC 8446, 6.2; RFC 6066, 3): the one thing that a client in the middle of a TLS hello can read. */
const handshakeFailure = 40;
const decodeError = 50;
const internalError = 80;
const unrecognizedName = 112;
const fatalLevel = 2;

const tlsAlert = (description: number): Uint8Array =>
  Uint8Array.of(tlsAlertRecord, 3, 3, 0, 2, fatalLevel, description);

/** Another server may take TLS. */
const tlsDeclined = {
  kind: 'refused',
  bytes: tlsAlert(handshakeFailure),
  retryable: true,
  code: 'tls-declined',
} as const;

const alertFor = (code: ClientError['code']): number => {
  if (code === 'unknown_endpoint') return unrecognizedName;
  return code === 'protocol_violation' ? decodeError : internalError;
};

const maxRefusalTextBytes = 8_192;

/** Tells a client of `error`: an ErrorResponse, which a client must also expect as the answer to an SSLRequest. */
export function refusal(error: ClientError, request: ClientRequest | null): Uint8Array {
  if (request?.kind === 'direct-tls' || request?.kind === 'promised-tls')
    return tlsAlert(alertFor(error.code));
  const fields: readonly (readonly [string, string])[] = [
    ['S', 'FATAL'],
    ['V', 'FATAL'],
    ['C', error.sqlstate],
    ['M', error.message],
    ['H', error.hint],
  ];
  const body = new Accumulator();
  for (const [letter, text] of fields) {
    body.append(Uint8Array.of(typeByte(letter)));
    body.append(cString(text));
  }
  body.append(Uint8Array.of(0));
  const bytes = body.takeAll();
  const message = new Uint8Array(frameHeaderBytes + bytes.length);
  message[0] = errorResponse;
  new DataView(message.buffer).setUint32(1, bytes.length + 4);
  message.set(bytes, frameHeaderBytes);
  return message;
}

/** Declines an encryption request, after which the client speaks again in plain and can read a `refusal`. */
export const declineUpgrade = (request: ClientRequest): Uint8Array | null =>
  request.kind === 'tls' || request.kind === 'gss' ? Uint8Array.of(typeByte('N')) : null;

/** Grants an encryption request, after which the client begins with TLS. */
export const acceptUpgrade: Uint8Array = Uint8Array.of(typeByte('S'));

/** SSLRequest: its length and its code (manual, "Message Formats"). */
export const tlsRequest: Uint8Array = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);

/** GSSENCRequest, likewise. */
export const gssRequest: Uint8Array = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 48);

/** Grants a request for TLS; a hello without a request before it needs no answer. */
export const grantUpgrade = (request: ClientRequest): Uint8Array | null =>
  request.kind === 'tls' ? Uint8Array.of(typeByte('S')) : null;

function cString(text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text.replaceAll('\0', ' ')).subarray(0, maxRefusalTextBytes);
  const terminated = new Uint8Array(encoded.length + 1);
  terminated.set(encoded);
  return terminated;
}
