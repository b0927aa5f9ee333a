/** What a field of a log line can be. */
interface Field {
  readonly type: 'text' | 'number' | 'boolean' | 'texts';
  readonly about: string;
  /** It may say who somebody is: data that laws on privacy speak of. */
  readonly isPersonal?: true;
}

/**
 * Every field that a line of the log can have, beside those that all lines have (`commonFields`). Names follow the
 * attributes of OpenTelemetry's semantic conventions (1.37) where these have one; `cluster`, `endpoint`, `instance` and
 * `reason` are the labels of the metrics (METRICS.md). Units last. Add, never rename.
 */
export const logFields = {
  cluster: { type: 'text', about: 'the cluster' },
  endpoint: { type: 'text', about: 'the endpoint of the cluster' },
  instance: {
    type: 'text',
    about: 'the database server that it is about; null: none, or the cluster as a whole',
  },
  reason: { type: 'text', about: 'why, as one of few words: a label of the metrics' },
  suppressed: {
    type: 'number',
    about:
      'lines of the same kind that were left out since the line before: what comes in floods is written once a while',
  },
  epoch: { type: 'number', about: "the writer's term of office" },
  rule: { type: 'text', about: 'the row of the table in failover.md that fired; null: none' },
  seq: { type: 'number', about: 'the number of the event in this process, as in `GET /api/v1/events`' },
  phase: { type: 'text', about: 'the phase of the cluster after the event' },
  role: { type: 'text', about: '`writer` or `replica`' },
  role_before: { type: 'text', about: 'the role that was seen before' },
  writer: { type: 'text', about: 'the instance that is the writer' },
  kind: { type: 'text', about: '`failover`, `switchover`, `adopted` (somebody else promoted) or `elected`' },
  from: { type: 'text', about: 'the writer before; null: there was none' },
  to: { type: 'text', about: 'the writer now' },
  from_position: { type: 'text', about: 'what the old writer was last seen to have (an LSN, or a GTID set)' },
  to_position: { type: 'text', about: 'what the new writer had when it was promoted' },
  lost: { type: 'number', about: 'how much was lost; null: unknown' },
  lost_unit: { type: 'text', about: '`bytes` of log or `transactions`; null where `lost` is unknown' },
  sessions_closed: { type: 'number', about: 'sessions to the old writer that were closed' },
  attempts: { type: 'number', about: 'promotions that were tried' },
  attempt: { type: 'number', about: 'how often it was tried, this time included' },
  duration_seconds: {
    type: 'number',
    about: 'from the first sign, or the order, until the new writer took sessions',
  },
  durability: { type: 'text', about: '`async`, `quorum` or `degraded`, as it was in force' },
  refused: { type: 'text', about: 'who was not promoted, and why' },
  sessions: { type: 'number', about: 'how many sessions' },
  copies: { type: 'number', about: 'of how many other copies the writer waits' },
  position: { type: 'text', about: 'what the instance has' },
  writer_position: { type: 'text', about: 'what the writer has' },
  diverged: {
    type: 'boolean',
    about: 'whether the instance has something that the writer lacks; null: unknown',
  },
  'client.address': {
    type: 'text',
    about: 'the IP address of a client: of a database, or of the admin API',
    isPersonal: true,
  },
  'client.port': { type: 'number', about: 'its port', isPersonal: true },
  'server.address': { type: 'text', about: 'where Aurelay listens' },
  'server.port': { type: 'number', about: 'its port there' },
  'exception.type': { type: 'text', about: 'the class of an error' },
  'exception.message': { type: 'text', about: 'its message' },
  'exception.stacktrace': { type: 'text', about: 'where in the code it came about; line breaks are escaped' },
  'http.request.method': { type: 'text', about: 'of a request to the admin API' },
  'url.path': { type: 'text', about: 'of a request to the admin API; its query is left out' },
  command: { type: 'text', about: 'what an operator asked for, in the words of the command line' },
  trigger: { type: 'text', about: 'who asked for the reload: `signal`, `api` or `watch`' },
  outcome: { type: 'text', about: '`applied`, `unchanged`, `refused` or `invalid`' },
  errors: { type: 'texts', about: 'the errors of the configuration, each with file, line and column' },
  file: { type: 'text', about: 'a file of the configuration' },
  line: { type: 'number', about: 'a line in it' },
  files: { type: 'texts', about: 'the files of a certificate' },
  version: { type: 'text', about: 'the version of Aurelay' },
  build: { type: 'text', about: 'the commit that it was built from' },
  date: { type: 'text', about: 'when that was made' },
  node: { type: 'text', about: 'the version of Node.js' },
  pid: { type: 'number', about: 'the process' },
  signal: { type: 'text', about: 'the signal' },
  allowed: { type: 'number', about: 'open files that the process may have' },
  needed: { type: 'number', about: 'open files that full endpoints need' },
  relay: { type: 'text', about: '`native` or `stream`' },
  fd: { type: 'number', about: 'the number of the inherited socket' },
  connections: { type: 'number', about: 'connections that there may be' },
  session: { type: 'number', about: 'the number of a session (MySQL), as its client knows it' },
  scope: { type: 'text', about: 'what a KILL ends: the connection, or its query' },
} as const satisfies Readonly<Record<string, Field>>;

export type FieldName = keyof typeof logFields;

interface Types {
  readonly text: string;
  readonly number: number;
  readonly boolean: boolean;
  readonly texts: readonly string[];
}

export type FieldValue<Name extends FieldName> = Types[(typeof logFields)[Name]['type']];

/** What every line has, in this order, and `message` last. */
export const commonFields = {
  level: '`debug`, `info`, `warn`, `error` or `fatal`: the severity texts of OpenTelemetry',
  time: 'when the line was written: ISO 8601 with milliseconds, UTC',
  'service.name': '`aurelay`',
  'service.version': 'its version',
  'service.instance.id': 'another one with each start of the process, and the same as long as it lives',
  event: 'what happened, as one of the names below',
  message: 'the same in one sentence, for people; its wording may change',
} as const;
