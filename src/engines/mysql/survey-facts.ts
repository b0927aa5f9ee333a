import type { ChannelFacts, VariableOrigin } from '../survey.ts';
import { numberOf, textOf } from './dialects/columns.ts';
import type { Channel, Row, ServerStatus } from './dialects/dialect.ts';

/** Global variables that rules look at; a server has those of its family and version. */
export const surveyedVariables = [
  'binlog_do_db',
  'binlog_expire_logs_seconds',
  'binlog_format',
  'binlog_ignore_db',
  'character_set_server',
  'collation_server',
  'enforce_gtid_consistency',
  'event_scheduler',
  'expire_logs_days',
  'gtid_domain_id',
  'gtid_mode',
  'gtid_strict_mode',
  'host_cache_size',
  'innodb_flush_log_at_trx_commit',
  'log_bin',
  'log_replica_updates',
  'log_slave_updates',
  'lower_case_table_names',
  'max_allowed_packet',
  'max_connect_errors',
  'max_connections',
  'read_only',
  'relay_log_recovery',
  'replica_net_timeout',
  'replica_parallel_workers',
  'replica_preserve_commit_order',
  'rpl_semi_sync_slave_enabled',
  'rpl_semi_sync_replica_enabled',
  'rpl_semi_sync_master_enabled',
  'rpl_semi_sync_source_enabled',
  'server_id',
  'server_uuid',
  'skip_name_resolve',
  'skip_replica_start',
  'skip_slave_start',
  'slave_net_timeout',
  'slave_parallel_workers',
  'slave_preserve_commit_order',
  'sql_mode',
  'super_read_only',
  'sync_binlog',
  'sync_relay_log',
  'time_zone',
] as const;

const list = surveyedVariables.map((name) => `'${name}'`).join(', ');

export const variablesSql = `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${list})`;

/** Where the values of variables that have to outlast a restart come from. */
export const lastingVariables = [
  'read_only',
  'super_read_only',
  'rpl_semi_sync_slave_enabled',
  'rpl_semi_sync_replica_enabled',
  'rpl_semi_sync_master_enabled',
  'rpl_semi_sync_source_enabled',
] as const;

const lasting = lastingVariables.map((name) => `'${name}'`).join(', ');

/** MariaDB documentation, "Information Schema SYSTEM_VARIABLES Table". */
export const mariadbOriginsSql =
  'SELECT VARIABLE_NAME AS name, GLOBAL_VALUE_ORIGIN AS origin, NULL AS persisted ' +
  `FROM information_schema.SYSTEM_VARIABLES WHERE LOWER(VARIABLE_NAME) IN (${lasting})`;

/** MySQL manual, "Performance Schema System Variable Tables". */
export const mysqlOriginsSql =
  'SELECT i.VARIABLE_NAME AS name, i.VARIABLE_SOURCE AS origin, p.VARIABLE_VALUE AS persisted ' +
  'FROM performance_schema.variables_info AS i LEFT JOIN performance_schema.persisted_variables AS p ' +
  `USING (VARIABLE_NAME) WHERE i.VARIABLE_NAME IN (${lasting})`;

export const readVariables = (rows: readonly Row[]): ReadonlyMap<string, string> =>
  new Map(rows.map((row) => [(row.Variable_name ?? '').toLowerCase(), row.Value ?? '']));

export const readOrigins = (rows: readonly Row[]): ReadonlyMap<string, VariableOrigin> =>
  new Map(rows.map((row) => [(row.name ?? '').toLowerCase(), originOf(row)]));

function originOf({ origin, persisted }: Row): VariableOrigin {
  if (persisted != null) return 'lasting';
  switch (origin) {
    case 'COMPILED':
    case 'COMPILE-TIME':
    case 'AUTO':
      return 'default';
    case 'DYNAMIC':
    case 'SQL':
      return 'running';
    default:
      return 'lasting';
  }
}

/** MySQL manual, "The replication_connection_configuration Table"; MariaDB has it in its status. */
export const heartbeatPeriodsSql =
  'SELECT CHANNEL_NAME AS name, HEARTBEAT_INTERVAL AS seconds FROM performance_schema.replication_connection_configuration';

/** `rows` are those of SHOW REPLICA STATUS, in which each channel has one; `periods` those of `heartbeatPeriodsSql`. */
export const readChannels = (
  status: ServerStatus,
  rows: readonly Row[],
  periods: readonly Row[],
): readonly ChannelFacts[] =>
  status.channels.map((channel) => {
    const period = periods.find(({ name }) => name === channel.name) ?? {};
    const row = rows.find((one) => (one.Channel_Name ?? one.Connection_name ?? '') === channel.name) ?? {};
    const asks = textOf(row, 'Get_Source_public_key', 'Get_master_public_key');
    return {
      ...factsOf(channel),
      asksForKey: asks === null ? null : asks === '1',
      delaySeconds: numberOf(row, 'SQL_Delay') ?? 0,
      heartbeatSeconds: numberOf(row, 'Slave_heartbeat_period') ?? numberOf(period, 'seconds'),
      filters: filtersIn(row),
    };
  });

const factsOf = (
  channel: Channel,
): Omit<ChannelFacts, 'asksForKey' | 'delaySeconds' | 'heartbeatSeconds' | 'filters'> => ({
  name: channel.name,
  source: channel.source,
  user: channel.user,
  receiving: channel.receiving,
  receiveError: channel.receiveError?.message ?? null,
  applying: channel.applying,
  applyError: channel.applyError?.message ?? null,
  usesGtid: channel.usesGtid,
  usesTls: channel.usesTls,
});

/** `Replicate_Do_DB`, `Replicate_Wild_Ignore_Table` and the like; `…_Server_Ids` leave out what a server wrote itself. */
const filtersIn = (row: Row): readonly string[] =>
  Object.keys(row)
    .filter((name) => /^Replicate_(Wild_)?(Do|Ignore|Rewrite)_/.test(name) && !name.endsWith('Server_Ids'))
    .flatMap((name) => {
      const value = textOf(row, name);
      return value === null ? [] : [`${name} = ${value}`];
    });
