/** How loudly an error is logged, in pino's names. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

interface ErrorRow {
  readonly level: LogLevel;
  /** PostgreSQL SQLSTATE (manual, appendix A). */
  readonly sqlstate: string;
  /** MySQL error number; the ones a server has itself where one fits (`mysqld_error.h`). */
  readonly mysqlErrno: number;
  /** MySQL SQLSTATE that goes with `mysqlErrno`. */
  readonly mysqlState: string;
  /** What the client reads; `{name}` is filled from the error's details. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

/**
 * Every error that a client of an endpoint can be given, in the words and codes of its protocol.
 * The keys are stable: they are the `reason` label of `aurelay_session_errors_total` and the `code` in the logs.
 */
export const errorTable = {
  unknown_endpoint: {
    level: 'info',
    sqlstate: '08004',
    mysqlErrno: 1043,
    mysqlState: '08S01',
    message: 'aurelay: {why}',
    hint: 'Connect with TLS to the host name of an endpoint, or set the startup parameter options=-c aurelay.endpoint=NAME.',
  },
  no_writer: {
    level: 'warn',
    sqlstate: '57P03',
    mysqlErrno: 1053,
    mysqlState: '08S01',
    message: 'aurelay: cluster "{cluster}" has no writer right now ({phase})',
    hint: 'A failover may be under way: connect again shortly. `aurelay status` says what the cluster waits for.',
  },
  no_member: {
    level: 'warn',
    sqlstate: '57P03',
    mysqlErrno: 1053,
    mysqlState: '08S01',
    message: 'aurelay: endpoint "{endpoint}" of cluster "{cluster}" has no member that can serve ({why})',
    hint: 'Look at `aurelay status`, or set `fallback: writer` on the endpoint.',
  },
  connect_failed: {
    level: 'warn',
    sqlstate: '08001',
    mysqlErrno: 2003,
    mysqlState: 'HY000',
    message: 'aurelay: no server of endpoint "{endpoint}" answered within {timeout} ({why})',
    hint: 'The servers refuse or do not answer; `aurelay status` shows their health.',
  },
  hold_timeout: {
    level: 'warn',
    sqlstate: '57P03',
    mysqlErrno: 1053,
    mysqlState: '08S01',
    message: 'aurelay: cluster "{cluster}" got no writer within the hold time of {timeout} ({phase})',
    hint: 'Connect again; `aurelay status` says what the cluster waits for.',
  },
  hold_full: {
    level: 'warn',
    sqlstate: '53300',
    mysqlErrno: 1040,
    mysqlState: '08004',
    message: 'aurelay: too many connections wait for a writer of cluster "{cluster}" (limit {limit})',
    hint: 'Connect again shortly, or raise `failover.max_held`.',
  },
  too_many_sessions: {
    level: 'warn',
    sqlstate: '53300',
    mysqlErrno: 1040,
    mysqlState: '08004',
    message: 'aurelay: endpoint "{endpoint}" is at its limit of {limit} sessions',
    hint: 'Close idle connections, or raise `max_sessions` on the endpoint.',
  },
  client_denied: {
    level: 'warn',
    sqlstate: '28000',
    mysqlErrno: 1130,
    mysqlState: 'HY000',
    message: 'aurelay: clients from this address are not let in here',
    hint: 'Who may connect is set with `allow` and `deny` on the endpoint.',
  },
  proxy_header: {
    level: 'warn',
    sqlstate: '08P01',
    mysqlErrno: 1043,
    mysqlState: '08S01',
    message: 'aurelay: connections from this address have to begin with a PROXY header ({why})',
    hint: 'Let the proxy in front of Aurelay send one, or take its network out of `accept_proxy_protocol`.',
  },
  too_many_client_sessions: {
    level: 'warn',
    sqlstate: '53300',
    // ER_TOO_MANY_USER_CONNECTIONS: too many at a time.
    mysqlErrno: 1203,
    mysqlState: '42000',
    message: 'aurelay: this client address is at its limit of {limit} sessions on endpoint "{endpoint}"',
    hint: 'Close idle connections, or raise `max_sessions_per_client` on the endpoint.',
  },
  too_many_client_connects: {
    level: 'warn',
    sqlstate: '53300',
    // ER_USER_LIMIT_REACHED: too many within a time.
    mysqlErrno: 1226,
    mysqlState: '42000',
    message:
      'aurelay: this client address is at its limit of {limit} new connections a second on endpoint "{endpoint}"',
    hint: 'Keep connections open, or raise `max_connects_per_client` on the endpoint.',
  },
  server_full: {
    level: 'warn',
    sqlstate: '53300',
    mysqlErrno: 1040,
    mysqlState: '08004',
    message: 'aurelay: no server of endpoint "{endpoint}" has room for another session ({why})',
    hint: 'Close idle connections, or raise `max_sessions` on the instances.',
  },
  shutting_down: {
    level: 'info',
    sqlstate: '57P01',
    mysqlErrno: 1053,
    mysqlState: '08S01',
    message: 'aurelay: shutting down',
    hint: 'Connect again to the next Aurelay.',
  },
  handshake_timeout: {
    level: 'info',
    sqlstate: '08P01',
    mysqlErrno: 1159,
    mysqlState: '08S01',
    message: 'aurelay: the client did not finish its first message within {timeout}',
    hint: 'A client that connects has to speak; check for one that stalls.',
  },
  protocol_violation: {
    level: 'info',
    sqlstate: '08P01',
    mysqlErrno: 1043,
    mysqlState: '08S01',
    message: 'aurelay: {why}',
    hint: 'Check that the client speaks the protocol of this endpoint ({engine}).',
  },
  tls_required: {
    level: 'info',
    sqlstate: '28000',
    mysqlErrno: 3159,
    mysqlState: 'HY000',
    message: 'aurelay: endpoint "{endpoint}" of cluster "{cluster}" takes connections with TLS only',
    hint: 'Turn TLS on in the client (sslmode=require, ssl-mode=REQUIRED), or set `tls.required: false` on the endpoint.',
  },
  channel_binding: {
    level: 'warn',
    sqlstate: '28000',
    mysqlErrno: 1251,
    mysqlState: '08004',
    message:
      'aurelay: the client wants to bind its login to the TLS channel, and endpoint "{endpoint}" has another certificate than server "{instance}"',
    hint: 'Set channel_binding=disable in the client, give the endpoint and the servers the same certificate, or set `server_tls: { mode: disable }`.',
  },
  insecure_login: {
    level: 'warn',
    sqlstate: '28000',
    mysqlErrno: 1251,
    mysqlState: '08004',
    message:
      'aurelay: the login method {plugin} would send the password in clear to server "{instance}", to which there is no TLS',
    hint: 'Let `server_tls` reach the servers with TLS, or give the user another login method.',
  },
  server_tls_failed: {
    level: 'error',
    sqlstate: '08006',
    mysqlErrno: 2026,
    mysqlState: 'HY000',
    message: 'aurelay: no TLS with server "{instance}": {why}',
    hint: 'Check `server_tls` of the cluster and the certificate of the server.',
  },
  server_protocol_violation: {
    level: 'error',
    sqlstate: '08P01',
    mysqlErrno: 1043,
    mysqlState: '08S01',
    message: 'aurelay: server "{instance}" did not speak the protocol of this cluster ({why})',
    hint: "Check `engine` and the instance's `address` in the configuration.",
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

/** An error for the client of an endpoint: a row of the table, filled in. */
export interface ClientError {
  readonly code: ErrorCode;
  readonly level: LogLevel;
  readonly sqlstate: string;
  readonly mysqlErrno: number;
  readonly mysqlState: string;
  readonly message: string;
  readonly hint: string;
}

export function clientError(
  code: ErrorCode,
  details: Readonly<Record<string, string | number>>,
): ClientError {
  const row: ErrorRow = errorTable[code];
  const fill = (text: string) =>
    text.replace(/\{(\w+)\}/g, (_, name: string) => String(details[name] ?? 'unknown'));
  return { ...row, code, message: fill(row.message), hint: fill(row.hint) };
}

/** The message of anything that was thrown, for logs and reasons; never empty. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return messageOf(thrown.errors[0]);
  if (thrown instanceof Error) return thrown.message || (thrown as NodeJS.ErrnoException).code || thrown.name;
  return String(thrown);
}
