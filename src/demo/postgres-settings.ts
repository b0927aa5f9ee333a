/** The whole `postgresql.conf` of an embedded instance: starting the server by hand needs nothing else. */
export function postgresSettings(options: {
  readonly id: string;
  readonly port: number;
  readonly major: number;
  readonly durable: boolean;
}): string {
  const settings: [name: string, value: string][] = [
    ['cluster_name', `'${options.id}'`],
    ['listen_addresses', "'127.0.0.1'"],
    ['port', String(options.port)],
    ['unix_socket_directories', "''"],
    ['max_connections', '200'],
    ['shared_buffers', "'32MB'"],
    ['jit', 'off'],
    // Fewer processes: sixteen instances are to fit on a laptop.
    ...(options.major >= 18 ? ([['io_method', 'sync']] satisfies [string, string][]) : []),

    ['fsync', options.durable ? 'on' : 'off'],
    ['wal_level', 'replica'],
    ['wal_log_hints', 'on'],
    ['max_wal_senders', '32'],
    ['max_replication_slots', '32'],
    // What a replica may be behind and still catch up without an archive.
    ['wal_keep_size', "'512MB'"],
    ['max_wal_size', "'512MB'"],

    ['hot_standby', 'on'],
    ['recovery_target_timeline', "'latest'"],
    // Back on the new writer soon after a failover; PostgreSQL's own default is 5 s.
    ['wal_retrieve_retry_interval', "'200ms'"],
    ['wal_receiver_status_interval', "'1s'"],
    ['wal_receiver_timeout', "'5s'"],
    ['wal_sender_timeout', "'10s'"],

    ['log_timezone', "'UTC'"],
    ['timezone', "'UTC'"],
    ['log_line_prefix', "'%m [%p] '"],
  ];
  return `${settings.map(([name, value]) => `${name} = ${value}`).join('\n')}\n`;
}

/** Gives kept settings another port. */
export const withPort = (settings: string, port: number): string =>
  settings.replace(/^port = \d+$/m, `port = ${port}`);

/** The `postgresql.auto.conf` of a replica of the server on `writerPort`; where `ALTER SYSTEM` will change it. */
export function replicaSettings(id: string, writerPort: number): string {
  const conninfo = `host=127.0.0.1 port=${writerPort} user=postgres application_name=${id} connect_timeout=5`;
  return `# ALTER SYSTEM writes this file.\nprimary_conninfo = '${conninfo}'\n`;
}

/** Points a kept `postgresql.auto.conf` at the port that its source has now. */
export const withSourcePorts = (settings: string, moved: ReadonlyMap<number, number>): string =>
  settings.replace(/^(primary_conninfo = .*\bport=)(\d+)/m, (line, start: string, port: string) => {
    const now = moved.get(Number(port));
    return now === undefined ? line : `${start}${now}`;
  });
