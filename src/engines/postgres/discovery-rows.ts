import { instanceId } from '../../base/brand.ts';
import type { Address } from '../../cluster/instance.ts';
import type { Discovery, MissingGrant, Sighting } from '../discovery.ts';
import { observe, readStatus, type StatusRow } from './status.ts';

/**
 * What the status does not say, in one row, from PostgreSQL 14 on and for any role: what it may not see is null.
 *
 * Subscribers of logical replication, backups and archivers hang on a server like replicas, and are none.
 */
export const discoveryQuery = `
SELECT
  current_user AS role,
  current_setting('server_version_num') AS version_number,
  extract(epoch FROM pg_postmaster_start_time())::text AS started_at,
  current_setting('port') AS port,
  CASE WHEN pg_has_role(current_user, 'pg_read_all_settings', 'USAGE')
    THEN current_setting('data_directory') END AS data_directory,
  (SELECT setting FROM pg_settings WHERE name = 'recovery_min_apply_delay') AS delay_ms,
  (SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user) AS superuser,
  pg_has_role(current_user, 'pg_monitor', 'USAGE')::text AS may_monitor,
  pg_has_role(current_user, 'pg_signal_backend', 'USAGE')::text AS may_signal,
  (has_function_privilege('pg_promote(boolean, integer)', 'EXECUTE')
    AND has_function_privilege('pg_reload_conf()', 'EXECUTE'))::text AS may_promote,
  (SELECT min(rolname) FROM pg_roles
    WHERE rolname IN ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'alloydbsuperuser')) AS service,
  (SELECT min(application_name) FROM pg_stat_activity
    WHERE application_name ~* '^(patroni|repmgrd|pgautofailover|pg_auto_failover|cnpg)') AS keeper,
  (SELECT json_agg(slot_name ORDER BY slot_name)::text FROM pg_replication_slots
    WHERE slot_type = 'physical' AND NOT active AND NOT temporary) AS idle_slots,
  (SELECT json_agg(json_build_array(r.application_name, host(r.client_addr), r.sync_state) ORDER BY r.pid)::text
    FROM pg_stat_replication AS r
    WHERE NOT EXISTS (SELECT 1 FROM pg_replication_slots AS s
        WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
      AND r.application_name !~* '^(pg_basebackup|pg_receivewal|pg_recvlogical|barman)') AS replicas`;

/** Only from PostgreSQL 15 on: before, there is no such grant. */
export const parameterQuery = `
SELECT bool_and(has_parameter_privilege(name, 'ALTER SYSTEM'))::text AS may_alter
FROM unnest(ARRAY['primary_conninfo', 'default_transaction_read_only']) AS name`;

export const hasParameterGrants = (row: StatusRow): boolean => Number(row.version_number) >= 150_000;

/** `status` is the row of the status query; `extra` those of the two queries above in one. Throws where they are not. */
export function readDiscovery(status: StatusRow, extra: StatusRow, now: number): Discovery {
  const server = readStatus(status);
  const { conninfo, inRecovery } = server;
  const ownName = conninfo?.get('application_name') || server.ownName;
  return {
    identity: [server.identity, extra.started_at, extra.port, extra.data_directory].join(' '),
    lineage: server.identity,
    observation: observe(server, null, now, instanceId(ownName)).observation,
    names: [...(conninfo?.has('application_name') ? [ownName] : []), status.cluster_name ?? ''].filter(
      (name) => name !== '' && name !== 'walreceiver',
    ),
    marks: inRecovery ? [ownName.toLowerCase()] : [],
    sources: inRecovery && server.source !== null ? [server.source] : [],
    replicas: readReplicas(extra.replicas),
    members: [],
    group: null,
    delaySeconds: inRecovery ? Number(extra.delay_ms ?? 0) / 1000 : 0,
    replicationUser: conninfo?.get('user') ?? null,
    keeper: keeperOf(extra),
    missing: missingGrants(extra),
    remarks: remarksOf(extra),
  };
}

function readReplicas(json: string | null | undefined): readonly Sighting[] {
  if (json == null) return [];
  const rows = JSON.parse(json) as readonly (readonly [string | null, string | null, string | null])[];
  return rows.map(([name, host, state]) => ({
    // Connected through a socket file: it is on the same machine.
    hosts: [host ?? 'localhost'],
    port: null,
    mark: name === null || name === '' ? null : name.toLowerCase(),
    name: name === '' ? null : name,
    synchronous: state === 'sync' || state === 'quorum',
  }));
}

const services: Readonly<Record<string, string>> = {
  rds_superuser: 'Amazon RDS or Aurora',
  cloudsqlsuperuser: 'Google Cloud SQL',
  azure_pg_admin: 'Azure Database for PostgreSQL',
  alloydbsuperuser: 'AlloyDB',
};

function keeperOf({ service, keeper }: StatusRow): string | null {
  if (service != null) return services[service] ?? null;
  if (keeper == null) return null;
  if (/^patroni/i.test(keeper)) return 'Patroni';
  if (/^repmgrd/i.test(keeper)) return 'repmgrd';
  return /^cnpg/i.test(keeper) ? 'CloudNativePG' : 'pg_auto_failover';
}

/** In the words of docs/servers.md. */
function missingGrants(row: StatusRow): readonly MissingGrant[] {
  if (row.superuser === 'true') return [];
  const role = quoteRole(row.role ?? '');
  const automatic = (sql: string, why: string): MissingGrant => ({ for: 'automatic', sql, why });
  const missing: MissingGrant[] = [];
  if (row.may_monitor !== 'true') {
    const why = 'it may not see where replicas are and whom they follow';
    missing.push({ for: 'observe', sql: `GRANT pg_monitor TO ${role};`, why });
  }
  if (!hasParameterGrants(row)) {
    return [
      ...missing,
      automatic(`ALTER ROLE ${role} SUPERUSER;`, 'PostgreSQL 14 has no grant for ALTER SYSTEM'),
    ];
  }
  if (row.may_signal !== 'true') {
    missing.push(automatic(`GRANT pg_signal_backend TO ${role};`, "it may not end clients' sessions"));
  }
  if (row.may_promote !== 'true') {
    const sql = `GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer), pg_reload_conf() TO ${role};`;
    missing.push(automatic(sql, 'it may not promote'));
  }
  if (row.may_alter !== 'true') {
    const sql = `GRANT ALTER SYSTEM ON PARAMETER primary_conninfo, default_transaction_read_only TO ${role};`;
    missing.push(automatic(sql, 'it may not point replicas at another writer'));
  }
  return missing;
}

const quoteRole = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

function remarksOf({ idle_slots: idle }: StatusRow): readonly string[] {
  if (idle == null) return [];
  const names = (JSON.parse(idle) as readonly string[]).join(', ');
  return [
    `Nobody is connected to the replication slots ${names}: replicas that are away, or leftovers that keep log for ever.`,
  ];
}

/** libpq takes a folder of sockets for a host: the source is on the replica's own machine. */
export const isSocketFolder = ({ host }: Address): boolean => host.startsWith('/');
