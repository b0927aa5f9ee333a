import type { Flavour } from './mysql-binaries.ts';

/** Has every privilege: for probes, promotion and the demo's own work. No password, from 127.0.0.1 only. */
export const mysqlMonitorUser = 'aurelay';
/** What replicas log in with. No password, from 127.0.0.1 only. */
export const mysqlReplicationUser = 'replicator';

/**
 * The whole `my.cnf` of an embedded instance: starting the server by hand needs nothing else. Every instance starts
 * read-only, the writer too, and is made writable by SQL: a writer that comes back after a failover must not take
 * writes on its own word.
 */
export function mysqlSettings(options: {
  readonly flavour: Flavour;
  /** Of no other server in this cluster's history. */
  readonly serverId: number;
  readonly port: number;
  readonly dataDirectory: string;
  /** Its own: a MariaDB that starts removes the temporary tables that it finds, those of its neighbours too. */
  readonly tmpDirectory: string;
  readonly pidFile: string;
  readonly durable: boolean;
}): string {
  const { flavour, serverId, port, dataDirectory, tmpDirectory, pidFile, durable } = options;
  const common = [
    `datadir=${dataDirectory}`,
    `tmpdir=${tmpDirectory}`,
    `pid_file=${pidFile}`,
    // Below the data directory, by a short name: a path to a socket has at most 107 characters.
    'socket=mysqld.sock',
    'bind_address=127.0.0.1',
    `port=${port}`,
    'skip_name_resolve=1',
    'max_connections=200',
    'max_allowed_packet=64M',
    'character_set_server=utf8mb4',
    'innodb_buffer_pool_size=32M',

    `server_id=${serverId}`,
    'report_host=127.0.0.1',
    `report_port=${port}`,
    'log_bin=binlog',
    'relay_log=relay',
    'relay_log_recovery=1',
    // Kept for ever: an instance that is added later replays all of it.
    'binlog_expire_logs_seconds=0',
    'read_only=1',

    // 2 and 0: handed to the operating system at each commit, which outlives the process but not the machine.
    `innodb_flush_log_at_trx_commit=${durable ? 1 : 2}`,
    `sync_binlog=${durable ? 1 : 0}`,
  ];
  return `[mysqld]\n${[...common, ...(flavour === 'mariadb' ? mariadb : mysql)].join('\n')}\n`;
}

const mariadb = [
  'log_slave_updates=1',
  'binlog_format=ROW',
  'gtid_strict_mode=1',
  'gtid_domain_id=0',
  'slave_net_timeout=5',
  'innodb_log_file_size=32M',
];

const mysql = [
  'super_read_only=1',
  'gtid_mode=ON',
  'enforce_gtid_consistency=ON',
  'mysqlx=OFF',
  // Packages set a folder that only their own installation makes.
  'secure_file_priv=NULL',
  // For a write quorum; what acknowledges is left to Aurelay to say. A server without them says so, and goes on.
  'plugin_load_add=semisync_source.so',
  'plugin_load_add=semisync_replica.so',
  // From 8.0.26 and 8.0.30 on.
  'loose_replica_net_timeout=5',
  'loose_innodb_redo_log_capacity=64M',
];

/** Gives kept settings another server id. */
export const withServerId = (settings: string, serverId: number): string =>
  settings.replace(/^server_id=\d+$/m, `server_id=${serverId}`);

/** Gives kept settings another port. */
export const withMysqlPort = (settings: string, port: number): string =>
  settings.replace(/^(port|report_port)=\d+$/gm, `$1=${port}`);

/**
 * The accounts of every instance, as SQL of one statement a line. `rootHonoursReadOnly` takes the right from `root` to
 * write to a read-only server, which MariaDB includes in ALL PRIVILEGES; MySQL has `super_read_only` for that.
 */
export function accountStatements(options: {
  readonly flavour: Flavour;
  readonly rootHonoursReadOnly: boolean;
}): string[] {
  const host = "'127.0.0.1'";
  const all = ['root', mysqlMonitorUser].flatMap((user) => [
    `CREATE USER IF NOT EXISTS '${user}'@${host};`,
    `GRANT ALL PRIVILEGES ON *.* TO '${user}'@${host} WITH GRANT OPTION;`,
  ]);
  const replication = [
    `CREATE USER IF NOT EXISTS '${mysqlReplicationUser}'@${host};`,
    `GRANT REPLICATION SLAVE ON *.* TO '${mysqlReplicationUser}'@${host};`,
  ];
  // Before MariaDB 10.11, SUPER includes the right.
  const restricted =
    options.rootHonoursReadOnly && options.flavour === 'mariadb'
      ? [`REVOKE READ_ONLY ADMIN, SUPER ON *.* FROM 'root'@${host};`]
      : [];
  return [...all, ...replication, ...restricted];
}
