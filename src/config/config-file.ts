/**
 * The configuration as it stands in a file (docs/config.md), for programs that write one: whatever is in a `ConfigFile`,
 * as YAML or JSON, has the keys that `aurelay check` knows. It may still find that the values do not go together.
 */

/** `${NAME}` and `${NAME:-default}` stand for a variable of the environment, wherever a value stands. */
export type FromEnvironment = `${string}\${${string}}${string}`;

// <!-- generated: configuration types (npm run docs) -->

export interface ConfigFile {
  /** The HTTP side for operators and Prometheus. */
  readonly admin?: AdminSection;
  /**
   * A folder that outlives a restart: the epoch and the deposed writers are kept there. Required where a
   * cluster has `mode: automatic`. Default: nothing is kept.
   */
  readonly state_dir?: string;
  /**
   * Logs, on standard output. Each of its keys can be overridden: `aurelay start --log-level debug
   * --log-format json`, or `AURELAY_LOG_LEVEL` and `AURELAY_LOG_FORMAT`.
   */
  readonly log?: LogSection;
  /** How the process ends. */
  readonly shutdown?: ShutdownSection;
  /** How a peer that vanished without a word is noticed, on both sides of every session. */
  readonly tcp?: TcpSection;
  /** How the configuration is read again while Aurelay runs (docs/reload.md). */
  readonly reload?: ReloadSection;
  /** The clusters by name, 1 to 100 of them. */
  readonly clusters: Readonly<Record<string, ClusterSection>>;
}

export interface AdminSection {
  /**
   * Where the HTTP API and the metrics listen. Anything but this machine needs `tls` (or `allow_insecure`)
   * and a token. (address, `host:port`) Default: `127.0.0.1:8080`.
   */
  readonly listen?: string;
  /** Speaks HTTPS, and no plain HTTP beside it. Default: plain HTTP. */
  readonly tls?: AdminTlsSection;
  /**
   * Whatever changes something has to show this token (`Authorization: Bearer …`, at least 16 characters).
   * Reading needs none. Default: none.
   */
  readonly token?: string;
  /** A file with the token in its only line, instead of `token`. Default: none. */
  readonly token_file?: string;
  /**
   * Listens beyond this machine without `tls`: the token can then be read on its way. For a network that
   * only operators reach, or a proxy in front that has TLS. Default: `false`.
   */
  readonly allow_insecure?: boolean | FromEnvironment;
}

export interface AdminTlsSection {
  /**
   * A PEM file: the certificate, and those that lead from it to its authority. It is read again when it
   * changes.
   */
  readonly certificate: string;
  /** Its private key as PEM, without a passphrase. It is read again when it changes. */
  readonly key: string;
}

export interface LogSection {
  /** The least important lines that are written. Default: `info`. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | FromEnvironment;
  /**
   * `json`: a JSON object a line (docs/logs.md). `pretty`: for a person at a terminal. `auto`: `pretty` on a
   * terminal, else `json`. Default: `auto`.
   */
  readonly format?: 'auto' | 'json' | 'pretty' | FromEnvironment;
}

export interface ShutdownSection {
  /**
   * How long open sessions may go on after SIGTERM; then they are closed. (duration, `0s` to `24h`) Default:
   * `30s`.
   */
  readonly drain_timeout?: string;
}

export interface TcpSection {
  /**
   * A connection that was silent for so long is asked for a sign of life, ten times a second apart; without
   * an answer the session ends. (duration, `1s` to `2h`) Default: `30s`.
   */
  readonly keepalive?: string;
  /**
   * Sent bytes that stay unacknowledged for so long end a session (TCP_USER_TIMEOUT); `0s`: as the system
   * has it, on Linux about 15 minutes. It ends a session whose peer lives and reads nothing for so long too,
   * so it has to be longer than your longest pause. With the native relay only. (duration, `0s` to `1h`)
   * Default: `0s`.
   */
  readonly user_timeout?: string;
}

export interface ReloadSection {
  /**
   * Whether a change of the file is noticed. SIGHUP and `aurelay reload` are heard in either case. Default:
   * `false`.
   */
  readonly watch?: boolean | FromEnvironment;
}

export interface ClusterSection {
  /** The servers: `postgres`, or `mysql` for MySQL and MariaDB. */
  readonly engine: 'postgres' | 'mysql' | FromEnvironment;
  /** The login that probes, promotes and repoints. */
  readonly monitor: ClusterMonitorSection;
  /**
   * The login that replicas are given when they are pointed at a new writer. Default: each replica keeps the
   * login that it has.
   */
  readonly replication?: ClusterReplicationSection;
  /**
   * How Aurelay itself speaks to the servers: probes, promotions, and sessions whose TLS it ends
   * (docs/tls.md).
   */
  readonly server_tls?: ClusterServerTlsSection;
  /** When an instance counts as up or down. */
  readonly health?: ClusterHealthSection;
  /** What happens when the writer is gone. */
  readonly failover: ClusterFailoverSection;
  /**
   * `async`, or `{ copies: N, write_quorum: W }`: which commits survive a failover (docs/durability.md).
   * Default: `async`.
   */
  readonly durability?: 'async' | ClusterDurabilitySection;
  /**
   * A program and its arguments, run to bring a deposed server back as a replica (docs/rejoin.md). No shell
   * reads it: `[sh, -c, …]` does. Default: nobody does.
   */
  readonly rejoin_command?: readonly string[];
  /** A `rejoin_command` that takes longer is ended, and has failed. (duration, `1s` to `24h`) Default: `1h`. */
  readonly rejoin_timeout?: string;
  /**
   * Sessions on an instance that a reload removes, moves to another address, or takes out of their endpoint:
   * `keep` lets them go on, `drain` closes them after `shutdown.drain_timeout` (docs/reload.md). Default:
   * `keep`.
   */
  readonly on_removed_instance?: 'keep' | 'drain' | FromEnvironment;
  /** The servers by name, 1 to 100 of them. */
  readonly instances: Readonly<Record<string, ClusterInstanceSection>>;
  /** What clients connect to, by name, 1 to 100 of them. */
  readonly endpoints: Readonly<Record<string, ClusterEndpointSection>>;
}

export interface ClusterMonitorSection {
  /** The user to log in as. */
  readonly user: string;
  /** Its password. Better from the environment or a file than written here. Default: none. */
  readonly password?: string;
  /**
   * A file with the password in its only line, instead of `password`. A relative path starts at the folder
   * of the configuration file. Default: none.
   */
  readonly password_file?: string;
  /** The database that probes connect to. PostgreSQL only: MySQL needs none. Default: `postgres`. */
  readonly database?: string;
}

export interface ClusterReplicationSection {
  /** The user that replicas log in as. */
  readonly user: string;
  /** Its password. Default: none. */
  readonly password?: string;
  /** A file with the password, as in `monitor`. Default: none. */
  readonly password_file?: string;
}

export interface ClusterServerTlsSection {
  /**
   * As libpq's `sslmode`. `prefer`: TLS where the server can, else plain. `require`: TLS, whoever answers.
   * `verify-ca`: only with a certificate that `ca` signed. `verify-full`: and that is for the server's name.
   * Default: `prefer`.
   */
  readonly mode?: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full' | FromEnvironment;
  /**
   * A file with the authorities, in PEM form, that a server's certificate may be signed by. Relative paths
   * start at the folder of the configuration file, here and below. Default: required (`verify-ca`), the
   * public authorities (`verify-full`).
   */
  readonly ca?: string;
  /** A file with Aurelay's own certificate, for servers that ask for one. Default: none. */
  readonly certificate?: string;
  /** The file with its private key. Default: none. */
  readonly key?: string;
  /**
   * Sent to the server (SNI) and looked for in its certificate, in place of the host of its address. (host
   * name) Default: the host of the address.
   */
  readonly server_name?: string;
}

export interface ClusterHealthSection {
  /**
   * From one probe of an instance to the next. A broken connection is looked into at once. (duration, `10ms`
   * to `1m`) Default: `500ms`.
   */
  readonly interval?: string;
  /**
   * A probe that takes longer has failed. Probes of one instance never overlap. (duration, `10ms` to `1m`)
   * Default: `1s`.
   */
  readonly timeout?: string;
  /** Failed probes in a row that make an instance `down`. (whole number, 1 to 100) Default: `3`. */
  readonly fall?: number | FromEnvironment;
  /** Good probes in a row that bring a `down` instance back. (whole number, 1 to 100) Default: `2`. */
  readonly rise?: number | FromEnvironment;
}

export interface ClusterFailoverSection {
  /**
   * `automatic`: when the writer is gone, Aurelay promotes a replica. `observe`: it never changes a database
   * and follows whoever else promotes (Patroni, an operator, a managed service).
   */
  readonly mode: 'automatic' | 'observe' | FromEnvironment;
  /**
   * How long a new connection to the writer waits while there is none; `0s`: not at all. (duration, `0s` to
   * `1h`) Default: `30s`.
   */
  readonly hold?: string;
  /**
   * Connections that wait at a time; one more is refused at once. (whole number, 0 to 1000000) Default:
   * `10000`.
   */
  readonly max_held?: number | FromEnvironment;
  /**
   * At least this long between two automatic failovers of the cluster. (duration, `0s` to `24h`) Default:
   * `60s`.
   */
  readonly min_interval?: string;
  /**
   * A replica known to lack more than this of the writer is not promoted by itself; bytes of log for
   * PostgreSQL (`16MB`), transactions for MySQL (`100`). (bytes (`16MB`) or transactions (`100`)) Default:
   * any loss.
   */
  readonly max_loss?: number | string;
  /**
   * A promotion that takes longer has failed, and the next candidate is tried. (duration, `100ms` to `10m`)
   * Default: `10s`.
   */
  readonly promote_timeout?: string;
}

export interface ClusterDurabilitySection {
  /**
   * N: the instances that keep a copy, all but those with `copy: false`. (whole number, 2 to 100) Default:
   * `async`: none.
   */
  readonly copies?: number | FromEnvironment;
  /**
   * W: of the N copies, how many have a commit before its client is told, the writer among them. A failover
   * needs N - W + 1 copies that answer. MariaDB waits for one replica at most, whatever W is. (whole number,
   * 2 to 100) Default: `async`: none.
   */
  readonly write_quorum?: number | FromEnvironment;
  /**
   * When fewer than W copies are there. `stall`: commits wait until enough are back. `degrade`: after
   * `degrade_after` they go on unprotected until enough are back, and a failover meanwhile may lose some.
   * Default: `stall`.
   */
  readonly on_lost_quorum?: 'stall' | 'degrade' | FromEnvironment;
  /** How long commits wait before they go on unprotected. (duration, `1s` to `1h`) Default: `10s`. */
  readonly degrade_after?: string;
}

export interface ClusterInstanceSection {
  /**
   * Where Aurelay reaches the server. Port 5432 (PostgreSQL) or 3306 (MySQL) where none is written; IPv6 in
   * brackets. (address, `host` or `host:port`)
   */
  readonly address: string;
  /**
   * Where the other instances reach it, if that differs (NAT, containers). (address, `host` or `host:port`)
   * Default: the address.
   */
  readonly replication_address?: string;
  /** Where it stands; endpoints can prefer a zone. Default: none. */
  readonly zone?: string;
  /**
   * The lowest tier is promoted first; within a tier, the replica that has received most, then the largest
   * `weight`. (whole number, 0 to 15) Default: `1`.
   */
  readonly promotion_tier?: number | FromEnvironment;
  /**
   * Whether it is one of the copies of `durability`: `false` for one whose receipt of a commit does not
   * count, and which is never promoted while others count. Default: `true`.
   */
  readonly copy?: boolean | FromEnvironment;
  /**
   * Its share of new connections under `balance: weighted`, and its size: of two equal candidates the larger
   * is promoted. (whole number, 1 to 1000) Default: `1`.
   */
  readonly weight?: number | FromEnvironment;
  /**
   * Sessions on it at a time, over all endpoints, those not counted that wait in line for `max_connecting`.
   * While it has so many it is passed over; when every member has, the client gets an error, and no
   * fallback. (whole number, 1 to 1000000) Default: no limit.
   */
  readonly max_sessions?: number | FromEnvironment;
  /**
   * Connections to it that are under way at a time, over all endpoints, until it has answered; the rest wait
   * in line, within `connect_timeout`. The default is below the accept queue of a server with default
   * settings: 80 (MariaDB), 151 (MySQL), 200 (PostgreSQL). (whole number, 1 to 100000) Default: `64`.
   */
  readonly max_connecting?: number | FromEnvironment;
  /**
   * Every connection to it begins with a PROXY header of this version, which tells it the client's address.
   * It has to expect that: MariaDB and Percona Server do (`proxy_protocol_networks`), PostgreSQL and
   * Oracle's MySQL do not (docs/access.md). Default: `none`.
   */
  readonly send_proxy_protocol?: 'none' | 'v1' | 'v2' | FromEnvironment;
  /**
   * The REST API of the server's Patroni (`restapi`, plain HTTP; port 8008 where none is written). With it
   * the server is the writer only while `GET /primary` answers 200 there; an answer that does not come
   * counts after `health.fall` probes in a row. PostgreSQL and `mode: observe` only
   * (docs/guides/patroni.md). (address, `host` or `host:port`) Default: the server alone is asked.
   */
  readonly patroni?: string;
  /** Names and values of your own, for `members: { tags: … }`. Default: none. */
  readonly tags?: Readonly<Record<string, string>>;
}

export interface ClusterEndpointSection {
  /**
   * `writer`: the one instance that takes writes. `reader`: the replicas. `custom`: the members that you
   * choose. `instance`: one instance, whatever its role.
   */
  readonly type: 'writer' | 'reader' | 'custom' | 'instance' | FromEnvironment;
  /** Where clients connect. `0.0.0.0` is every IPv4 interface, `[::]` every interface. (address, `host:port`) */
  readonly listen: string;
  /**
   * The name that clients connect to. Endpoints that have one may share their `listen`: a client is told
   * apart by the name in its TLS hello (docs/tls.md). PostgreSQL only. (host name) Default: none.
   */
  readonly hostname?: string;
  /**
   * Of the endpoints that share a `listen`, the one for clients that give no name. Without it that is the
   * one that has no `hostname`. Default: `false`.
   */
  readonly default?: boolean | FromEnvironment;
  /** Which member gets a new connection. Default: `least-connections`. */
  readonly balance?: 'round-robin' | 'least-connections' | 'random' | 'weighted' | FromEnvironment;
  /** Replicas that are further behind get no new connections. (duration, `0s` to `24h`) Default: no limit. */
  readonly max_lag?: string;
  /** Members of this zone first, while there are any that can serve. Default: none. */
  readonly prefer_zone?: string;
  /**
   * Where to go when no member can serve: to the writer, or nowhere (the client gets an error). A reader
   * endpoint falls back to the writer as an Aurora reader endpoint does; a custom endpoint is often there to
   * keep load off the writer. Default: `writer` (reader), `none` (custom).
   */
  readonly fallback?: 'writer' | 'none' | FromEnvironment;
  /**
   * A replica that comes back reaches its full share after this long; `0s`: at once. (duration, `0s` to
   * `1h`) Default: `30s`.
   */
  readonly slow_start?: string;
  /**
   * Which instances belong to the endpoint: exactly one of `static`, `excluded` and `tags`. Default:
   * required (custom).
   */
  readonly members?: ClusterEndpointMembersSection;
  /**
   * `replica`: a member that is the writer does not serve here. `any`: members serve in either role.
   * Default: `replica`.
   */
  readonly roles?: 'replica' | 'any' | FromEnvironment;
  /** The instance to connect to. Default: required (instance). */
  readonly instance?: string;
  /** Where the clients' TLS ends (docs/tls.md). */
  readonly tls?: ClusterEndpointTlsSection;
  /** Sessions at a time; one more is refused with an error. (whole number, 1 to 1000000) Default: `10000`. */
  readonly max_sessions?: number | FromEnvironment;
  /**
   * Until a server has answered the first message, over all the members that are tried. (duration, `10ms` to
   * `10m`) Default: `5s`.
   */
  readonly connect_timeout?: string;
  /** Until a client has said what it wants. (duration, `10ms` to `10m`) Default: `10s`. */
  readonly handshake_timeout?: string;
  /**
   * A session that has carried no byte either way for so long is closed; `0s`: never. It is kept to a fourth
   * of itself, never early. A query that runs longer without a byte counts as idle too. (duration, `0s` to
   * `24h`) Default: `0s`.
   */
  readonly idle_timeout?: string;
  /**
   * Connections from these networks have to begin with a PROXY header (version 1 or 2), which says who the
   * client is; one without is refused. From anywhere else no header is read (docs/access.md). Default: none.
   */
  readonly accept_proxy_protocol?: readonly string[];
  /** Only clients from these networks are let in. Default: everybody. */
  readonly allow?: readonly string[];
  /** Clients from these networks are not let in, whatever `allow` says. Default: nobody. */
  readonly deny?: readonly string[];
  /**
   * Sessions of one client address (IPv6: of one /64) at a time; one more is refused with an error. (whole
   * number, 1 to 1000000) Default: no limit.
   */
  readonly max_sessions_per_client?: number | FromEnvironment;
  /**
   * New connections a second of one client address (IPv6: of one /64), cancel requests included; those of
   * one second may come at once. (whole number, 1 to 1000000) Default: no limit.
   */
  readonly max_connects_per_client?: number | FromEnvironment;
  /**
   * MySQL only: whose connection ids clients get. `aurelay`: numbers that no server has, so that a `KILL`
   * reaches the session that it names on whichever server, and never another one; not in TLS that passes
   * through, where it ends in an error. `server`: the server's own, which mean another session on another
   * server (docs/sessions.md). Default: `aurelay`; `server` (instance).
   */
  readonly connection_ids?: 'aurelay' | 'server' | FromEnvironment;
}

export interface ClusterEndpointMembersSection {
  /** Exactly these instances. Default: none. */
  readonly static?: readonly string[];
  /** Every instance but these, those added later included. Default: none. */
  readonly excluded?: readonly string[];
  /** Every instance that has all of these tags. Default: none. */
  readonly tags?: Readonly<Record<string, string>>;
}

export interface ClusterEndpointTlsSection {
  /**
   * `passthrough`: clients and servers speak TLS with each other, and Aurelay cannot look inside.
   * `terminate`: Aurelay ends the clients' TLS with a certificate of its own, and speaks to the servers as
   * `server_tls` says. Default: `passthrough`.
   */
  readonly mode?: 'passthrough' | 'terminate' | FromEnvironment;
  /**
   * A file with the certificate that clients are shown, in PEM form, the certificates that lead to its
   * authority behind it. Read anew when it changes. Default: required (`terminate`).
   */
  readonly certificate?: string;
  /** The file with its private key. Default: required (`terminate`). */
  readonly key?: string;
  /** Whether clients that do not ask for TLS are refused. With `terminate` only. Default: `true`. */
  readonly required?: boolean | FromEnvironment;
}

// <!-- end of configuration types -->
