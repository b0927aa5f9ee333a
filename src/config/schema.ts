import { z } from 'zod';
import { formatAddress } from '../cluster/instance.ts';
import type { EndpointType } from '../endpoints/endpoint.ts';
import { defaultServerTls, tlsModes } from './tls.ts';
import {
  bearerToken,
  choice,
  duration,
  hostName,
  listenAddress,
  lossLimit,
  network,
  secret,
  serverAddress,
  serverName,
  text,
  wholeNumber,
} from './value.ts';

/** What a key means, for errors and the reference. Its type and its default are read from the schema. */
export interface KeyMeaning {
  readonly about: string;
  /** A default that no single text gives: it depends on other keys. */
  readonly default?: string;
  /** May stand in place of a section. */
  readonly word?: string;
  /** What to write where the key is missing and required. */
  readonly example?: string;
  /** The endpoint types that have this key; absent: all of them. */
  readonly only?: readonly EndpointType[];
}

export const keyMeanings = z.registry<KeyMeaning>();

function key<Schema extends z.ZodType>(schema: Schema, meaning: KeyMeaning): Schema {
  keyMeanings.add(schema, meaning);
  return schema;
}

const seconds = 1000;
const minutes = 60 * seconds;
const hours = 60 * minutes;
const day = 24 * hours;

export const defaultPorts = { postgres: 5432, mysql: 3306 } as const;
/** Of Patroni's REST API, in its own examples. */
export const patroniPort = 8008;
export const defaultAdminListen = formatAddress({ host: '127.0.0.1', port: 8080 });

const credentials = {
  user: key(text('a user name', 'aurelay', 128), { about: 'The user to log in as.' }),
  password: key(secret(`\${DB_PASSWORD}`).optional(), {
    about: 'Its password. Better from the environment or a file than written here.',
    default: 'none',
  }),
  password_file: key(text('a path', '/run/secrets/db_password', 4096).optional(), {
    about:
      'A file with the password in its only line, instead of `password`. A relative path starts at the folder of the configuration file.',
    default: 'none',
  }),
};

const monitor = z.strictObject({
  ...credentials,
  database: key(text('a database name', 'postgres', 128).optional(), {
    about: 'The database that probes connect to. PostgreSQL only: MySQL needs none.',
    default: '`postgres`',
  }),
});

const replication = z.strictObject({
  user: key(text('a user name', 'replicator', 128), { about: 'The user that replicas log in as.' }),
  password: key(secret(`\${REPLICATION_PASSWORD}`).optional(), {
    about: 'Its password.',
    default: 'none',
  }),
  password_file: key(text('a path', '/run/secrets/replication_password', 4096).optional(), {
    about: 'A file with the password, as in `monitor`.',
    default: 'none',
  }),
});

const serverTls = z.strictObject({
  mode: key(choice(...tlsModes).prefault(defaultServerTls.mode), {
    about:
      "As libpq's `sslmode`. `prefer`: TLS where the server can, else plain. `require`: TLS, whoever answers. `verify-ca`: only with a certificate that `ca` signed. `verify-full`: and that is for the server's name.",
  }),
  ca: key(text('a path', '/etc/aurelay/ca.pem', 4096).optional(), {
    about:
      "A file with the authorities, in PEM form, that a server's certificate may be signed by. Relative paths start at the folder of the configuration file, here and below.",
    default: 'required (`verify-ca`), the public authorities (`verify-full`)',
  }),
  certificate: key(text('a path', '/etc/aurelay/client.pem', 4096).optional(), {
    about: "A file with Aurelay's own certificate, for servers that ask for one.",
    default: 'none',
  }),
  key: key(text('a path', '/etc/aurelay/client.key', 4096).optional(), {
    about: 'The file with its private key.',
    default: 'none',
  }),
  server_name: key(serverName('db1.example.com').optional(), {
    about: 'Sent to the server (SNI) and looked for in its certificate, in place of the host of its address.',
    default: 'the host of the address',
  }),
});

const health = z.strictObject({
  interval: key(duration(10, minutes).prefault('500ms'), {
    about: 'From one probe of an instance to the next. A broken connection is looked into at once.',
  }),
  timeout: key(duration(10, minutes).prefault('1s'), {
    about: 'A probe that takes longer has failed. Probes of one instance never overlap.',
  }),
  fall: key(wholeNumber(1, 100).prefault('3'), {
    about: 'Failed probes in a row that make an instance `down`.',
  }),
  rise: key(wholeNumber(1, 100).prefault('2'), {
    about: 'Good probes in a row that bring a `down` instance back.',
  }),
});

const failover = z.strictObject({
  mode: key(choice('automatic', 'observe'), {
    about:
      '`automatic`: when the writer is gone, Aurelay promotes a replica. `observe`: it never changes a database and follows whoever else promotes (Patroni, an operator, a managed service).',
    example: 'mode: automatic` or `mode: observe',
  }),
  hold: key(duration(0, hours).prefault('30s'), {
    about: 'How long a new connection to the writer waits while there is none; `0s`: not at all.',
  }),
  max_held: key(wholeNumber(0, 1_000_000).prefault('10000'), {
    about: 'Connections that wait at a time; one more is refused at once.',
  }),
  min_interval: key(duration(0, day).prefault('60s'), {
    about: 'At least this long between two automatic failovers of the cluster.',
  }),
  max_loss: key(lossLimit().optional(), {
    about:
      'A replica known to lack more than this of the writer is not promoted by itself; bytes of log for PostgreSQL (`16MB`), transactions for MySQL (`100`).',
    default: 'any loss',
  }),
  promote_timeout: key(duration(100, 10 * minutes).prefault('10s'), {
    about: 'A promotion that takes longer has failed, and the next candidate is tried.',
  }),
});

const durability = z.strictObject({
  copies: key(wholeNumber(2, 100).optional(), {
    about: 'N: the instances that keep a copy, all but those with `copy: false`.',
    default: '`async`: none',
  }),
  write_quorum: key(wholeNumber(2, 100).optional(), {
    about:
      'W: of the N copies, how many have a commit before its client is told, the writer among them. A failover needs N - W + 1 copies that answer. MariaDB waits for one replica at most, whatever W is.',
    default: '`async`: none',
  }),
  on_lost_quorum: key(choice('stall', 'degrade').prefault('stall'), {
    about:
      'When fewer than W copies are there. `stall`: commits wait until enough are back. `degrade`: after `degrade_after` they go on unprotected until enough are back, and a failover meanwhile may lose some.',
  }),
  degrade_after: key(duration(seconds, hours).prefault('10s'), {
    about: 'How long commits wait before they go on unprotected.',
  }),
});

/** `durability: async` says the same as no `durability` at all. */
const asyncOrQuorum = z.preprocess((raw) => (raw === 'async' ? {} : raw), durability);

const instance = z.strictObject({
  address: key(serverAddress('db1:5432'), {
    about:
      'Where Aurelay reaches the server. Port 5432 (PostgreSQL) or 3306 (MySQL) where none is written; IPv6 in brackets.',
    example: 'address: db1:5432',
  }),
  replication_address: key(serverAddress('10.0.0.1:5432').optional(), {
    about: 'Where the other instances reach it, if that differs (NAT, containers).',
    default: 'the address',
  }),
  zone: key(text('a zone', 'a', 63).optional(), {
    about: 'Where it stands; endpoints can prefer a zone.',
    default: 'none',
  }),
  promotion_tier: key(wholeNumber(0, 15).prefault('1'), {
    about:
      'The lowest tier is promoted first; within a tier, the replica that has received most, then the largest `weight`.',
  }),
  copy: key(choice('true', 'false').prefault('true'), {
    about:
      'Whether it is one of the copies of `durability`: `false` for one whose receipt of a commit does not count, and which is never promoted while others count.',
  }),
  weight: key(wholeNumber(1, 1000).prefault('1'), {
    about:
      'Its share of new connections under `balance: weighted`, and its size: of two equal candidates the larger is promoted.',
  }),
  max_sessions: key(wholeNumber(1, 1_000_000).optional(), {
    about:
      'Sessions on it at a time, over all endpoints, those not counted that wait in line for `max_connecting`. While it has so many it is passed over; when every member has, the client gets an error, and no fallback.',
    default: 'no limit',
  }),
  max_connecting: key(wholeNumber(1, 100_000).prefault('64'), {
    about:
      'Connections to it that are under way at a time, over all endpoints, until it has answered; the rest wait in line, within `connect_timeout`. The default is below the accept queue of a server with default settings: 80 (MariaDB), 151 (MySQL), 200 (PostgreSQL).',
  }),
  send_proxy_protocol: key(choice('none', 'v1', 'v2').prefault('none'), {
    about:
      "Every connection to it begins with a PROXY header of this version, which tells it the client's address. It has to expect that: MariaDB and Percona Server do (`proxy_protocol_networks`), PostgreSQL and Oracle's MySQL do not ([access.md](access.md)).",
  }),
  patroni: key(serverAddress('10.0.0.1:8008').optional(), {
    about:
      "The REST API of the server's Patroni (`restapi`, plain HTTP; port 8008 where none is written). With it the server is the writer only while `GET /primary` answers 200 there; an answer that does not come counts after `health.fall` probes in a row. PostgreSQL and `mode: observe` only ([guides/patroni.md](guides/patroni.md)).",
    default: 'the server alone is asked',
  }),
  tags: key(z.record(z.string(), text('a text', 'large', 255)).prefault({}), {
    about: 'Names and values of your own, for `members: { tags: … }`.',
    default: 'none',
  }),
});

const memberNames = () => z.array(text('the name of an instance', 'orders-2', 63));

const members = z.strictObject({
  static: key(memberNames().optional(), { about: 'Exactly these instances.', default: 'none' }),
  excluded: key(memberNames().optional(), {
    about: 'Every instance but these, those added later included.',
    default: 'none',
  }),
  tags: key(z.record(z.string(), text('a text', 'large', 255)).optional(), {
    about: 'Every instance that has all of these tags.',
    default: 'none',
  }),
});

const endpointTls = z.strictObject({
  mode: key(choice('passthrough', 'terminate').prefault('passthrough'), {
    about:
      "`passthrough`: clients and servers speak TLS with each other, and Aurelay cannot look inside. `terminate`: Aurelay ends the clients' TLS with a certificate of its own, and speaks to the servers as `server_tls` says.",
  }),
  certificate: key(text('a path', '/etc/aurelay/server.pem', 4096).optional(), {
    about:
      'A file with the certificate that clients are shown, in PEM form, the certificates that lead to its authority behind it. Read anew when it changes.',
    default: 'required (`terminate`)',
  }),
  key: key(text('a path', '/etc/aurelay/server.key', 4096).optional(), {
    about: 'The file with its private key.',
    default: 'required (`terminate`)',
  }),
  required: key(choice('true', 'false').prefault('true'), {
    about: 'Whether clients that do not ask for TLS are refused. With `terminate` only.',
  }),
});

const balancing = ['reader', 'custom'] as const;
const networks = () => z.array(network('10.0.0.0/8')).optional();

const endpoint = z.strictObject({
  type: key(choice('writer', 'reader', 'custom', 'instance'), {
    about:
      '`writer`: the one instance that takes writes. `reader`: the replicas. `custom`: the members that you choose. `instance`: one instance, whatever its role.',
    example: 'type: writer',
  }),
  listen: key(listenAddress('127.0.0.1:6432'), {
    about: 'Where clients connect. `0.0.0.0` is every IPv4 interface, `[::]` every interface.',
    example: 'listen: 127.0.0.1:6432',
  }),
  hostname: key(hostName('writer.orders.example.com').optional(), {
    about:
      'The name that clients connect to. Endpoints that have one may share their `listen`: a client is told apart by the name in its TLS hello ([tls.md](tls.md#names-on-one-port)). PostgreSQL only.',
    default: 'none',
  }),
  default: key(choice('true', 'false').prefault('false'), {
    about:
      'Of the endpoints that share a `listen`, the one for clients that give no name. Without it that is the one that has no `hostname`.',
  }),
  balance: key(
    choice('round-robin', 'least-connections', 'random', 'weighted').prefault('least-connections'),
    {
      about: 'Which member gets a new connection.',
      only: balancing,
    },
  ),
  max_lag: key(duration(0, day).optional(), {
    about: 'Replicas that are further behind get no new connections.',
    default: 'no limit',
    only: balancing,
  }),
  prefer_zone: key(text('a zone', 'a', 63).optional(), {
    about: 'Members of this zone first, while there are any that can serve.',
    default: 'none',
    only: balancing,
  }),
  fallback: key(choice('writer', 'none').optional(), {
    about:
      'Where to go when no member can serve: to the writer, or nowhere (the client gets an error). A reader endpoint falls back to the writer as an Aurora reader endpoint does; a custom endpoint is often there to keep load off the writer.',
    default: '`writer` (reader), `none` (custom)',
    only: balancing,
  }),
  slow_start: key(duration(0, hours).prefault('30s'), {
    about: 'A replica that comes back reaches its full share after this long; `0s`: at once.',
    only: balancing,
  }),
  members: key(members.optional(), {
    about: 'Which instances belong to the endpoint: exactly one of `static`, `excluded` and `tags`.',
    default: 'required (custom)',
    only: ['custom'],
  }),
  roles: key(choice('replica', 'any').prefault('replica'), {
    about: '`replica`: a member that is the writer does not serve here. `any`: members serve in either role.',
    only: ['custom'],
  }),
  instance: key(text('the name of an instance', 'orders-1', 63).optional(), {
    about: 'The instance to connect to.',
    default: 'required (instance)',
    only: ['instance'],
  }),
  tls: key(endpointTls.prefault({}), {
    about: "Where the clients' TLS ends ([tls.md](tls.md)).",
  }),
  max_sessions: key(wholeNumber(1, 1_000_000).prefault('10000'), {
    about: 'Sessions at a time; one more is refused with an error.',
  }),
  connect_timeout: key(duration(10, 10 * minutes).prefault('5s'), {
    about: 'Until a server has answered the first message, over all the members that are tried.',
  }),
  handshake_timeout: key(duration(10, 10 * minutes).prefault('10s'), {
    about: 'Until a client has said what it wants.',
  }),
  idle_timeout: key(duration(0, day).prefault('0s'), {
    about:
      'A session that has carried no byte either way for so long is closed; `0s`: never. It is kept to a fourth of itself, never early. A query that runs longer without a byte counts as idle too.',
  }),
  accept_proxy_protocol: key(networks(), {
    about:
      'Connections from these networks have to begin with a PROXY header (version 1 or 2), which says who the client is; one without is refused. From anywhere else no header is read ([access.md](access.md)).',
    default: 'none',
  }),
  allow: key(networks(), {
    about: 'Only clients from these networks are let in.',
    default: 'everybody',
  }),
  deny: key(networks(), {
    about: 'Clients from these networks are not let in, whatever `allow` says.',
    default: 'nobody',
  }),
  max_sessions_per_client: key(wholeNumber(1, 1_000_000).optional(), {
    about: 'Sessions of one client address (IPv6: of one /64) at a time; one more is refused with an error.',
    default: 'no limit',
  }),
  max_connects_per_client: key(wholeNumber(1, 1_000_000).optional(), {
    about:
      'New connections a second of one client address (IPv6: of one /64), cancel requests included; those of one second may come at once.',
    default: 'no limit',
  }),
  connection_ids: key(choice('aurelay', 'server').optional(), {
    about:
      "MySQL only: whose connection ids clients get. `aurelay`: numbers that no server has, so that a `KILL` reaches the session that it names on whichever server, and never another one; not in TLS that passes through, where it ends in an error. `server`: the server's own, which mean another session on another server ([sessions.md](sessions.md)).",
    default: '`aurelay`; `server` (instance)',
  }),
});

const cluster = z.strictObject({
  engine: key(choice('postgres', 'mysql'), {
    about: 'The servers: `postgres`, or `mysql` for MySQL and MariaDB.',
    example: 'engine: postgres',
  }),
  monitor: key(monitor, {
    about: 'The login that probes, promotes and repoints.',
    example: `monitor: { user: aurelay, password_file: /run/secrets/db_password }`,
  }),
  replication: key(replication.optional(), {
    about: 'The login that replicas are given when they are pointed at a new writer.',
    default: 'each replica keeps the login that it has',
  }),
  server_tls: key(serverTls.prefault({}), {
    about:
      'How Aurelay itself speaks to the servers: probes, promotions, and sessions whose TLS it ends ([tls.md](tls.md)).',
  }),
  health: key(health.prefault({}), { about: 'When an instance counts as up or down.' }),
  failover: key(failover, {
    about: 'What happens when the writer is gone.',
    example: 'failover: { mode: observe }',
  }),
  durability: key(asyncOrQuorum.prefault({}), {
    about:
      '`async`, or `{ copies: N, write_quorum: W }`: which commits survive a failover ([durability.md](durability.md)).',
    default: '`async`',
    word: 'async',
    example: 'durability: { copies: 3, write_quorum: 2 }',
  }),
  rejoin_command: key(z.array(text('a text', 'rejoin.sh', 4096)).optional(), {
    about:
      'A program and its arguments, run to bring a deposed server back as a replica ([rejoin.md](rejoin.md)). No shell reads it: `[sh, -c, …]` does.',
    default: 'nobody does',
  }),
  rejoin_timeout: key(duration(seconds, day).prefault('1h'), {
    about: 'A `rejoin_command` that takes longer is ended, and has failed.',
  }),
  on_removed_instance: key(choice('keep', 'drain').prefault('keep'), {
    about:
      'Sessions on an instance that a reload removes, moves to another address, or takes out of their endpoint: `keep` lets them go on, `drain` closes them after `shutdown.drain_timeout` ([reload.md](reload.md)).',
  }),
  instances: key(z.record(z.string(), instance), {
    about: 'The servers by name, 1 to 100 of them.',
    example: 'instances: { db-1: { address: db1:5432 } }',
  }),
  endpoints: key(z.record(z.string(), endpoint), {
    about: 'What clients connect to, by name, 1 to 100 of them.',
    example: 'endpoints: { writer: { type: writer, listen: 127.0.0.1:6432 } }',
  }),
});

const adminTls = z.strictObject({
  certificate: key(text('a path', '/etc/aurelay/admin.crt', 4096), {
    about:
      'A PEM file: the certificate, and those that lead from it to its authority. It is read again when it changes.',
    example: 'certificate: /etc/aurelay/admin.crt',
  }),
  key: key(text('a path', '/etc/aurelay/admin.key', 4096), {
    about: 'Its private key as PEM, without a passphrase. It is read again when it changes.',
    example: 'key: /etc/aurelay/admin.key',
  }),
});

/** The whole file. Names, and whatever concerns more than one key, are looked at in `checks/`. */
export const configSchema = z.strictObject({
  admin: key(
    z
      .strictObject({
        listen: key(listenAddress(defaultAdminListen).prefault(defaultAdminListen), {
          about:
            'Where the HTTP API and the metrics listen. Anything but this machine needs `tls` (or `allow_insecure`) and a token.',
        }),
        tls: key(adminTls.optional(), {
          about: 'Speaks HTTPS, and no plain HTTP beside it.',
          default: 'plain HTTP',
        }),
        token: key(bearerToken(`\${AURELAY_TOKEN}`).optional(), {
          about:
            'Whatever changes something has to show this token (`Authorization: Bearer …`, at least 16 characters). Reading needs none.',
          default: 'none',
        }),
        token_file: key(text('a path', '/run/secrets/aurelay_token', 4096).optional(), {
          about: 'A file with the token in its only line, instead of `token`.',
          default: 'none',
        }),
        allow_insecure: key(choice('false', 'true').prefault('false'), {
          about:
            'Listens beyond this machine without `tls`: the token can then be read on its way. For a network that only operators reach, or a proxy in front that has TLS.',
        }),
      })
      .prefault({}),
    { about: 'The HTTP side for operators and Prometheus.' },
  ),
  state_dir: key(text('a path', '/var/lib/aurelay', 4096).optional(), {
    about:
      'A folder that outlives a restart: the epoch and the deposed writers are kept there. Required where a cluster has `mode: automatic`.',
    default: 'nothing is kept',
  }),
  log: key(
    z
      .strictObject({
        level: key(choice('debug', 'info', 'warn', 'error').prefault('info'), {
          about: 'The least important lines that are written.',
        }),
        format: key(choice('auto', 'json', 'pretty').prefault('auto'), {
          about:
            '`json`: a JSON object a line ([logs.md](logs.md)). `pretty`: for a person at a terminal. `auto`: `pretty` on a terminal, else `json`.',
        }),
      })
      .prefault({}),
    {
      about:
        'Logs, on standard output. Each of its keys can be overridden: `aurelay start --log-level debug --log-format json`, or `AURELAY_LOG_LEVEL` and `AURELAY_LOG_FORMAT`.',
    },
  ),
  shutdown: key(
    z
      .strictObject({
        drain_timeout: key(duration(0, day).prefault('30s'), {
          about: 'How long open sessions may go on after SIGTERM; then they are closed.',
        }),
      })
      .prefault({}),
    { about: 'How the process ends.' },
  ),
  tcp: key(
    z
      .strictObject({
        keepalive: key(duration(seconds, 2 * hours).prefault('30s'), {
          about:
            'A connection that was silent for so long is asked for a sign of life, ten times a second apart; without an answer the session ends.',
        }),
        user_timeout: key(duration(0, hours).prefault('0s'), {
          about:
            'Sent bytes that stay unacknowledged for so long end a session (TCP_USER_TIMEOUT); `0s`: as the system has it, on Linux about 15 minutes. It ends a session whose peer lives and reads nothing for so long too, so it has to be longer than your longest pause. With the native relay only.',
        }),
      })
      .prefault({}),
    { about: 'How a peer that vanished without a word is noticed, on both sides of every session.' },
  ),
  reload: key(
    z
      .strictObject({
        watch: key(choice('true', 'false').prefault('false'), {
          about:
            'Whether a change of the file is noticed. SIGHUP and `aurelay reload` are heard in either case.',
        }),
      })
      .prefault({}),
    { about: 'How the configuration is read again while Aurelay runs ([reload.md](reload.md)).' },
  ),
  clusters: key(z.record(z.string(), cluster), {
    about: 'The clusters by name, 1 to 100 of them.',
    example: 'clusters: { orders: { … } }',
  }),
});

/** What the schema reads: every default filled in that does not depend on another key. */
export type Settings = z.output<typeof configSchema>;
export type ClusterSettings = Settings['clusters'][string];
export type EndpointSettings = ClusterSettings['endpoints'][string];
