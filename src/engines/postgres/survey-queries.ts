/** What a survey asks, each in one statement that reads and does nothing else, from PostgreSQL 14 on. */

/** Settings that rules look at. */
export const surveyedSettings = [
  'archive_command',
  'archive_library',
  'archive_mode',
  'autovacuum',
  'data_checksums',
  'default_transaction_read_only',
  'fsync',
  'full_page_writes',
  'hot_standby',
  'hot_standby_feedback',
  'log_statement',
  'max_connections',
  'max_locks_per_transaction',
  'max_prepared_transactions',
  'max_replication_slots',
  'max_slot_wal_keep_size',
  'max_wal_senders',
  'max_worker_processes',
  'primary_conninfo',
  'primary_slot_name',
  'recovery_min_apply_delay',
  'recovery_target',
  'recovery_target_lsn',
  'recovery_target_name',
  'recovery_target_time',
  'recovery_target_timeline',
  'recovery_target_xid',
  'reserved_connections',
  'restore_command',
  'server_version_num',
  'shared_preload_libraries',
  'superuser_reserved_connections',
  'synchronous_commit',
  'synchronous_standby_names',
  'TimeZone',
  'wal_keep_size',
  'wal_level',
  'wal_log_hints',
  'wal_receiver_timeout',
  'wal_sender_timeout',
] as const;

/** Changed by Aurelay with ALTER SYSTEM. */
export const alteredSettings = [
  'primary_conninfo',
  'default_transaction_read_only',
  'synchronous_standby_names',
] as const;

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

export const settingsQuery = `
SELECT name, setting, unit, source, context, pending_restart::text AS pending_restart, sourcefile
FROM pg_settings WHERE name IN (${quoted(surveyedSettings)})`;

export const clockQuery = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::text AS said';

/** Grants that came later than 14 are asked for where the version has them. */
export function rightsQuery(major: number): string {
  const alterSystem = alteredSettings
    .map((name) => `'${name}', has_parameter_privilege('${name}', 'ALTER SYSTEM')`)
    .join(', ');
  return `
SELECT
  current_user::text AS login,
  own.rolsuper::text AS superuser,
  own.rolconnlimit::text AS connection_limit,
  (pg_has_role('pg_read_all_settings', 'USAGE') AND pg_has_role('pg_read_all_stats', 'USAGE')
    AND has_function_privilege('pg_ls_waldir()', 'EXECUTE'))::text AS monitor,
  pg_has_role('pg_signal_backend', 'USAGE')::text AS signal_backend,
  has_function_privilege('pg_promote(boolean, integer)', 'EXECUTE')::text AS promote,
  has_function_privilege('pg_reload_conf()', 'EXECUTE')::text AS reload,
  ${major >= 15 ? `json_build_object(${alterSystem})::text` : 'NULL'} AS alter_system,
  ${major >= 16 ? "pg_has_role('pg_use_reserved_connections', 'USAGE')::text" : 'NULL'} AS reserved
FROM pg_roles AS own WHERE own.rolname = current_user`;
}

export const replicasQuery = `
SELECT application_name, usename, state FROM pg_stat_replication WHERE state IS NOT NULL LIMIT 1000`;

export const slotsQuery = (major: number): string => `
SELECT slot_name, slot_type, active::text AS active, temporary::text AS temporary, wal_status,
  ${major >= 17 ? 'failover::text' : 'NULL'} AS failover
FROM pg_replication_slots LIMIT 1000`;

/** Of this database and of all. */
export const overridesQuery = `
SELECT r.rolname, d.datname, split_part(c.entry, '=', 1) AS setting,
  substr(c.entry, strpos(c.entry, '=') + 1) AS value
FROM pg_db_role_setting AS s CROSS JOIN LATERAL unnest(s.setconfig) AS c(entry)
LEFT JOIN pg_roles AS r ON r.oid = s.setrole LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
WHERE split_part(c.entry, '=', 1) IN ('synchronous_commit', 'default_transaction_read_only') LIMIT 1000`;

export const replayQuery = 'SELECT pg_is_wal_replay_paused()::text AS paused';

export const superuserSessionsQuery = `
SELECT DISTINCT usename::text AS usename FROM pg_stat_activity
WHERE backend_type = 'client backend' AND application_name NOT LIKE 'aurelay%' AND pid <> pg_backend_pid()
  AND usesysid IN (SELECT oid FROM pg_roles WHERE rolsuper) LIMIT 100`;

export const hbaQuery = `
SELECT line_number::text AS line, type, array_to_json(database)::text AS databases,
  array_to_json(user_name)::text AS users, address, netmask, auth_method
FROM pg_hba_file_rules WHERE error IS NULL ORDER BY line_number LIMIT 2000`;
