import type {
  ConnectedReplica,
  ConninfoFacts,
  HbaLine,
  PostgresRights,
  PostgresSetting,
  ReplicationSlot,
  SettingOverride,
  VersionNumber,
} from '../survey.ts';
import { sourceOf } from './conninfo.ts';
import type { ServerStatus, StatusRow } from './status.ts';

/** The answers to `survey-queries.ts`, read. */

/** `150004` is 15.4 (manual, "Preset Options"). */
export function readVersionNumber(text: string | undefined): VersionNumber {
  const number = Number(text ?? 0);
  return { major: Math.floor(number / 10_000), minor: number % 10_000, patch: 0 };
}

export function readSettings(rows: readonly StatusRow[]): ReadonlyMap<string, PostgresSetting> {
  return new Map(rows.map((row) => [row.name ?? '', readSetting(row)]));
}

/** Connection strings hold passwords: nobody needs to see more of them than that there is one. */
function readSetting(row: StatusRow): PostgresSetting {
  const value = row.setting ?? '';
  const isSecret = row.name === 'primary_conninfo' && value !== '';
  return {
    value: isSecret ? '…' : value,
    unit: row.unit ?? null,
    source: row.source ?? 'default',
    context: row.context ?? '',
    pendingRestart: row.pending_restart === 'true',
    isAltered: row.sourcefile == null ? null : row.sourcefile.endsWith('postgresql.auto.conf'),
  };
}

export function readRights(row: StatusRow): PostgresRights {
  const limit = Number(row.connection_limit ?? -1);
  const alterSystem = row.alter_system == null ? null : (JSON.parse(row.alter_system) as object);
  return {
    user: row.login ?? '',
    superuser: row.superuser === 'true',
    connectionLimit: limit < 0 ? null : limit,
    monitor: row.monitor === 'true',
    signalBackend: row.signal_backend === 'true',
    promote: row.promote === 'true',
    reload: row.reload === 'true',
    reservedConnections: row.reserved == null ? null : row.reserved === 'true',
    alterSystem: alterSystem === null ? null : new Map(Object.entries(alterSystem)),
  };
}

export function readConninfoFacts({ conninfo, ownName }: ServerStatus): ConninfoFacts | null {
  if (conninfo === null) return null;
  const credentials = ['password', 'passfile', 'sslcert', 'service'];
  return {
    source: sourceOf(conninfo),
    user: conninfo.get('user') ?? null,
    applicationName: conninfo.get('application_name') ?? ownName,
    hasCredential: credentials.some((keyword) => conninfo.has(keyword)),
    sslmode: conninfo.get('sslmode') ?? null,
  };
}

export const readReplicas = (rows: readonly StatusRow[]): readonly ConnectedReplica[] =>
  rows.map((row) => ({
    name: row.application_name ?? '',
    user: row.usename ?? null,
    state: row.state ?? '',
  }));

export const readSlots = (rows: readonly StatusRow[]): readonly ReplicationSlot[] =>
  rows.map((row) => ({
    name: row.slot_name ?? '',
    kind: row.slot_type === 'logical' ? 'logical' : 'physical',
    active: row.active === 'true',
    walStatus: row.wal_status ?? null,
    temporary: row.temporary === 'true',
    failover: row.failover == null ? null : row.failover === 'true',
  }));

export const readOverrides = (rows: readonly StatusRow[]): readonly SettingOverride[] =>
  rows.map((row) => ({
    role: row.rolname ?? null,
    database: row.datname ?? null,
    setting: row.setting ?? '',
    value: row.value ?? '',
  }));

export const readHba = (rows: readonly StatusRow[]): readonly HbaLine[] =>
  rows.map((row) => ({
    line: Number(row.line ?? 0),
    type: row.type ?? '',
    databases: JSON.parse(row.databases ?? '[]') as readonly string[],
    users: JSON.parse(row.users ?? '[]') as readonly string[],
    address: row.address ?? null,
    netmask: row.netmask ?? null,
    method: row.auth_method ?? '',
  }));
