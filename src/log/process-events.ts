import type { EventRow } from './row.ts';

const exception = ['exception.type', 'exception.message', 'exception.stacktrace'] as const;
const listening = ['server.address', 'server.port'] as const;
const client = ['client.address', 'client.port'] as const;

/** What the process tells of itself, of its operators and of its clients. Names are stable: add, never rename. */
export const processEvents = {
  // ---- its life ----
  start: {
    level: 'info',
    fields: ['version', 'node', 'pid'],
    sometimes: ['build', 'date'],
    when: 'the process begins',
  },
  'config.warning': {
    level: 'warn',
    fields: ['file', 'line'],
    when: 'the configuration is in force, and something in it is probably not meant so',
    remedy: '`aurelay check` shows the place',
  },
  'open-files.low': {
    level: 'warn',
    fields: ['needed'],
    sometimes: ['allowed'],
    when: 'the limit of open files is below what full endpoints need: two for each of all `max_sessions`, and 512 beside',
    alert: 'AurelayOpenFilesNearLimit',
  },
  'relay.chosen': {
    level: 'info',
    fields: ['relay'],
    when: 'it is known what carries the bytes of sessions',
  },
  'relay.no-user-timeout': {
    level: 'warn',
    fields: [],
    when: '`tcp.user_timeout` is set, and the relay in use cannot do it',
    remedy: 'let `npm install` compile the native relay (a C compiler)',
  },
  'inherited.taken': {
    level: 'info',
    fields: ['fd', ...listening],
    when: 'a socket that whoever started the process handed down is in use ([systemd.md](systemd.md))',
  },
  'inherited.unclaimed': {
    level: 'warn',
    fields: [],
    when: 'a socket was handed down and nothing is configured to listen there: who connects to it waits for ever',
    remedy: 'give the socket unit and `listen` the same address',
  },
  'systemd.not-told': {
    level: 'warn',
    fields: [],
    when: 'systemd could not be told that Aurelay is ready',
    remedy: '[systemd.md](systemd.md)',
  },
  'admin.listening': { level: 'info', fields: listening, when: 'the admin API answers' },
  ready: { level: 'info', fields: [], when: 'every endpoint accepts and every cluster has a writer' },
  signal: { level: 'info', fields: ['signal'], when: 'SIGTERM or SIGINT came' },
  'shutdown.started': {
    level: 'info',
    fields: [],
    when: 'no new connections are taken; open sessions go on for `shutdown.drain_timeout`',
  },
  'shutdown.drained': { level: 'info', fields: [], when: 'no session is left' },
  'shutdown.failed': { level: 'error', fields: exception, when: 'the process ends, and not in order' },
  'start.failed': {
    level: 'fatal',
    fields: exception,
    when: 'the process cannot start, and ends',
    alert: 'AurelayDown',
  },
  crash: {
    level: 'fatal',
    fields: exception,
    when: 'an error that nobody expected: Aurelay stops rather than go on, and a supervisor should start it anew',
    alert: 'AurelayDown',
  },
  'invariant.broken': {
    level: 'fatal',
    fields: ['cluster', ...exception],
    when: 'an assertion of the failover core failed: Aurelay stops rather than risk two writers',
    alert: 'AurelayDown',
  },
  'runtime.warning': {
    level: 'warn',
    fields: exception,
    when: 'Node.js warns of something (a leak of listeners, a deprecated call)',
    remedy: 'report it',
  },

  // ---- what it reads again ----
  'config.reloaded': {
    level: 'info',
    fields: ['trigger', 'outcome'],
    when: 'a reload ended well: `applied`, or `unchanged`. Each cluster that changed has a line of its own',
  },
  'config.rejected': {
    level: 'error',
    fields: ['trigger', 'outcome', 'errors'],
    when: 'a reload was refused, and nothing has changed ([reload.md](reload.md))',
    alert: 'AurelayConfigReloadFailed',
  },
  'certificates.reloaded': { level: 'info', fields: ['files'], when: 'changed certificate files are in use' },
  'certificates.not-reloaded': {
    level: 'error',
    fields: ['files'],
    when: 'changed certificate files are no good; what was read before stays in use',
    alert: 'AurelayCertificateNotReloaded',
  },

  // ---- its operators ----
  'admin.command': {
    level: 'info',
    fields: ['command'],
    sometimes: ['cluster', 'instance', 'client.address'],
    when: 'an operator asked for something over the admin API (the command line, the dashboard)',
  },
  'admin.command-refused': {
    level: 'warn',
    fields: ['command', 'reason'],
    sometimes: ['cluster', 'instance', 'client.address'],
    when: 'it could not be done; the message says why',
  },
  'admin.wrong-token': {
    level: 'warn',
    fields: ['suppressed'],
    sometimes: ['client.address'],
    when: 'a request showed a wrong token',
    remedy: 'find out who guesses; the token is not in the line',
  },
  'admin.dropped': {
    level: 'warn',
    fields: ['connections', 'suppressed'],
    when: 'the admin API had too many connections, and dropped one',
  },
  'admin.accept-failed': {
    level: 'error',
    fields: [...exception, 'suppressed'],
    when: 'the admin API could not accept a connection',
    alert: 'AurelayOpenFilesNearLimit',
  },
  'admin.failed': {
    level: 'error',
    fields: ['http.request.method', 'url.path', ...exception, 'suppressed'],
    when: 'a request ended in an error of Aurelay itself (status 500)',
    remedy: 'report it',
  },

  // ---- its clients ----
  'client.refused': {
    level: ['info', 'warn', 'error'],
    fields: ['cluster', 'endpoint', 'reason', 'suppressed'],
    sometimes: client,
    when: 'a client was given an error; `reason` is the label of `aurelay_session_errors_total`. Every 10 s at most for each endpoint and reason',
    alert: 'AurelayClientsRefused',
  },
  'dial.failed': {
    level: 'warn',
    fields: ['cluster', 'endpoint', 'instance', 'reason', 'suppressed'],
    when: 'a server did not take a session; another one may have. Every 10 s at most for each endpoint, instance and reason',
    alert: 'AurelayDialFailures',
  },
  'endpoint.accept-failed': {
    level: 'error',
    fields: ['cluster', 'endpoint', ...listening, ...exception, 'suppressed'],
    when: 'an endpoint could not accept a connection',
    alert: 'AurelayOpenFilesNearLimit',
  },
  'endpoint.dropped': {
    level: 'error',
    fields: ['cluster', 'endpoint', ...listening, 'suppressed'],
    when: 'more connections at a time than could ever be sessions: one was dropped',
    alert: 'AurelayLimitReached',
  },
  'kill.failed': {
    level: 'warn',
    fields: ['cluster', 'instance', 'session', 'scope', 'suppressed'],
    when: "a client's KILL for a session on another server failed for a reason that is not the client's",
    remedy: '[servers.md](servers.md) has the grants of the monitor user',
  },

  // ---- its work for others ----
  'rejoin.output': {
    level: 'info',
    fields: ['cluster', 'instance'],
    when: 'a `rejoin_command` printed a line; at most 1000 of a run ([rejoin.md](rejoin.md))',
  },
  'failovers.not-kept': {
    level: 'error',
    fields: ['cluster', ...exception],
    when: 'the record of a failover could not be written to `state_dir`, or read; failovers go on',
    remedy: 'see to the disk',
  },
  'event-listener.failed': {
    level: 'error',
    fields: [],
    when: 'whoever follows the events over the admin API could not be told of one',
    remedy: 'report it',
  },

  // ---- for whoever looks for one client's trouble: `log.level: debug` ----
  'session.noted': {
    level: 'debug',
    fields: ['cluster', 'endpoint'],
    sometimes: ['instance', ...client],
    when: 'a session begins or ends, or a client left before it had one',
  },
  'client.no-tls': {
    level: 'debug',
    fields: ['cluster', 'endpoint'],
    when: 'a client and an endpoint that ends TLS did not agree on any; counted in `aurelay_tls_handshake_failures_total`',
  },
  'cancel.dropped': {
    level: 'debug',
    fields: ['cluster', 'endpoint'],
    when: 'too many cancel requests at a time',
  },
  'kill.done': {
    level: 'debug',
    fields: ['cluster', 'instance', 'session', 'scope'],
    when: 'a KILL was carried out on another server, or could not be for a reason of the client',
  },
} as const satisfies Readonly<Record<string, EventRow>>;

export type ProcessEventName = keyof typeof processEvents;
