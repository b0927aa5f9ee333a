import { messageOf } from '../../base/errors.ts';
import type { ProbeFailure, ProbeFailureReason } from '../../cluster/observation.ts';
import { TlsFailed } from '../../tls/tls-failed.ts';

/** Something that is no MySQL server, or none that this program understands, answers at the address. */
export class ProtocolFailed extends Error {
  override readonly name = 'ProtocolFailed';
}

/** A server's ERR packet in place of its greeting; the shape of the driver's own errors. */
export class GreetingRefused extends Error {
  override readonly name = 'GreetingRefused';
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

const maxDetailLength = 500;

/** The system's and the driver's codes. What is Aurelay's own trouble (no file descriptor left) says nothing of a server. */
const reasonByCode: ReadonlyMap<string, ProbeFailureReason> = new Map([
  ['ECONNREFUSED', 'refused'],
  ['ECONNRESET', 'reset'],
  ['ECONNABORTED', 'reset'],
  ['EPIPE', 'reset'],
  ['PROTOCOL_CONNECTION_LOST', 'reset'],
  ['ERR_STREAM_DESTROYED', 'reset'],
  ['ERR_SOCKET_CLOSED', 'reset'],
  ['ETIMEDOUT', 'timeout'],
  ['EHOSTUNREACH', 'unreachable'],
  ['EHOSTDOWN', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['ENETDOWN', 'unreachable'],
  ['ENOTFOUND', 'unreachable'],
  ['EMFILE', 'local-stall'],
  ['ENFILE', 'local-stall'],
  ['ENOBUFS', 'local-stall'],
  ['ENOMEM', 'local-stall'],
  ['EADDRNOTAVAIL', 'local-stall'],
  ['AUTH_SWITCH_PLUGIN_ERROR', 'denied'],
]);

/**
 * Error numbers of MySQL (Server Error Message Reference) and MariaDB (Error Codes). 1053 is a server's word that it
 * shuts down; 4031 and 1927 come on a connection that a live server closes.
 */
const reasonByErrno: ReadonlyMap<number, ProbeFailureReason> = new Map([
  [1037, 'overloaded'],
  [1038, 'overloaded'],
  [1040, 'overloaded'],
  [1041, 'overloaded'],
  [1129, 'overloaded'],
  [1135, 'overloaded'],
  [1203, 'overloaded'],
  [1226, 'overloaded'],
  [1044, 'denied'],
  [1045, 'denied'],
  [1049, 'denied'],
  [1130, 'denied'],
  [1142, 'denied'],
  [1227, 'denied'],
  [1251, 'denied'],
  [1524, 'denied'],
  [1698, 'denied'],
  [1820, 'denied'],
  [1862, 'denied'],
  [3118, 'denied'],
  [3159, 'denied'],
  [1053, 'not-ready'],
]);

/** What a failed probe means. `secrets` never show up in the detail. */
export function classifyFailure(thrown: unknown, secrets: readonly (string | null)[]): ProbeFailure {
  return { reason: reasonOf(thrown), detail: describeFailure(thrown, secrets) };
}

function reasonOf(thrown: unknown): ProbeFailureReason {
  if (thrown instanceof TlsFailed) return thrown.reason;
  if (thrown instanceof ProtocolFailed || !(thrown instanceof Error)) return 'protocol';
  const { code, errno } = thrown as { code?: unknown; errno?: unknown };
  // Negative numbers are the system's, and go by their code.
  if (typeof errno === 'number' && errno > 0) return reasonByErrno.get(errno) ?? 'query-failed';
  if (typeof code !== 'string') return 'protocol';
  if (code.startsWith('EAI_')) return 'unreachable';
  return reasonByCode.get(code) ?? 'protocol';
}

/** The server's or the system's own words, without secrets, on one line, and no longer than a log line should be. */
export function describeFailure(thrown: unknown, secrets: readonly (string | null)[]): string {
  const { errno } = thrown as { errno?: unknown };
  const number = typeof errno === 'number' && errno > 0 ? `error ${errno}: ` : '';
  const text = `${number}${messageOf(thrown)}`.replace(/\s+/g, ' ').trim();
  const short = text.length > maxDetailLength ? `${text.slice(0, maxDetailLength)}...` : text;
  return redact(short, secrets);
}

const syntaxError = /(You have an error in your SQL syntax).*/s;

/** A shorter one is no secret, and taking it out would leave no word whole. */
const minSecretLength = 4;

/** A syntax error quotes the statement, which may hold a password in a form that differs from the password. */
function redact(text: string, secrets: readonly (string | null)[]): string {
  let clean = text.replace(syntaxError, '$1');
  for (const secret of secrets) {
    if (secret !== null && secret.length >= minSecretLength) clean = clean.replaceAll(secret, '***');
  }
  return clean;
}

/** The server's error number behind a failed step; null where it is none of its own. */
export function errnoOf(thrown: unknown): number | null {
  const cause: unknown = (thrown as { cause?: unknown }).cause ?? thrown;
  const { errno } = cause as { errno?: unknown };
  return typeof errno === 'number' ? errno : null;
}
