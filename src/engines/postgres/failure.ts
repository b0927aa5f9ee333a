import { DatabaseError } from 'pg-protocol';
import { messageOf } from '../../base/errors.ts';
import type { ProbeFailure, ProbeFailureReason } from '../../cluster/observation.ts';
import { TlsFailed } from '../../tls/tls-failed.ts';

/** The other end does not speak PostgreSQL, or says in some other way that it cannot serve (`sqlstate`). */
export class AnswerBroken extends Error {
  override readonly name = 'AnswerBroken';
  readonly sqlstate: string | null;

  constructor(why: string, sqlstate: string | null) {
    super(why);
    this.sqlstate = sqlstate;
  }
}

/** System errors by `code` (errno(3); EAI_*: getaddrinfo(3)). */
const systemReasons: Readonly<Record<string, ProbeFailureReason>> = {
  ECONNREFUSED: 'refused',
  // No socket file under that path.
  ENOENT: 'refused',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENETDOWN: 'unreachable',
  // What a firewall's reject may become.
  EACCES: 'unreachable',
  EPERM: 'unreachable',
  ENOTFOUND: 'unreachable',
  // Aurelay's own machine is out of something: no evidence about the server.
  EMFILE: 'local-stall',
  ENFILE: 'local-stall',
  ENOBUFS: 'local-stall',
  ENOMEM: 'local-stall',
  EADDRNOTAVAIL: 'local-stall',
};

/** SQLSTATEs, or classes of them, in the order in which they are tried (manual, appendix A). */
const sqlReasons: readonly (readonly [string, ProbeFailureReason])[] = [
  ['57P01', 'reset'],
  ['57P02', 'reset'],
  ['57P05', 'reset'],
  ['57P03', 'not-ready'],
  ['53', 'overloaded'],
  ['28', 'denied'],
  ['42501', 'denied'],
  ['3D000', 'denied'],
  ['08', 'protocol'],
];

/** What an error of a connection or a query says about the server. `secrets` never show up in the text. */
export function classify(thrown: unknown, secrets: readonly (string | null)[]): ProbeFailure {
  return { reason: reasonOf(thrown), detail: withoutSecrets(detailOf(thrown), secrets) };
}

export function withoutSecrets(text: string, secrets: readonly (string | null)[]): string {
  let clean = text;
  for (const secret of secrets) {
    if (secret !== null && secret !== '') clean = clean.replaceAll(secret, '***');
  }
  return clean;
}

function reasonOf(thrown: unknown): ProbeFailureReason {
  if (thrown instanceof TlsFailed) return thrown.reason;
  if (thrown instanceof AnswerBroken || thrown instanceof DatabaseError) {
    const sqlstate = sqlstateOf(thrown);
    return sqlstate === null ? 'protocol' : reasonOfState(sqlstate);
  }
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  if (typeof code === 'string') {
    return systemReasons[code] ?? (code.startsWith('EAI_') ? 'unreachable' : 'reset');
  }
  return reasonOfDriver(messageOf(thrown));
}

/** Null also for the error without a code that pg-protocol makes of a message that it does not know. */
function sqlstateOf(thrown: unknown): string | null {
  if (thrown instanceof AnswerBroken) return thrown.sqlstate;
  return thrown instanceof DatabaseError ? (thrown.code ?? null) : null;
}

const reasonOfState = (sqlstate: string): ProbeFailureReason =>
  sqlReasons.find(([prefix]) => sqlstate.startsWith(prefix))?.[1] ?? 'query-failed';

/** The driver's own errors have no codes. Unknown ones may be bugs: they must not look like a dead server. */
function reasonOfDriver(message: string): ProbeFailureReason {
  if (message.startsWith('Connection terminated')) return 'reset';
  if (message.includes('is not queryable')) return 'reset';
  if (message.startsWith('SASL')) return 'denied';
  return 'query-failed';
}

function detailOf(thrown: unknown): string {
  const message = messageOf(thrown);
  const sqlstate = sqlstateOf(thrown);
  return sqlstate === null ? message : `${message} (SQLSTATE ${sqlstate})`;
}
