/**
 * What `SHOW GRANTS` says, as far as it matters here (MySQL manual and MariaDB documentation, "SHOW GRANTS"): one line
 * a statement, those of active roles among them.
 */
export interface Grants {
  /** In capitals with spaces, whatever the spelling: `REPLICATION SLAVE ADMIN`, `ALL PRIVILEGES`. */
  readonly global: ReadonlySet<string>;
  readonly readsPerformanceSchema: boolean;
  /** `performance_schema.replication_connection_status`, which shows the heartbeats of MySQL's idle replicas. */
  readonly seesHeartbeats: boolean;
}

const statementForm = /^GRANT (.+?) ON (?:TABLE |FUNCTION |PROCEDURE )?(\S+) TO /i;
const revokeForm = /^REVOKE (.+?) ON (\S+) FROM /i;

export function readGrants(lines: readonly string[]): Grants {
  const global = new Set<string>();
  const readable = new Set<string>();
  for (const line of lines) {
    const [, list, object] = statementForm.exec(line) ?? [];
    if (list === undefined || object === undefined) continue;
    const privileges = namesIn(list);
    const on = object.replaceAll('`', '').toLowerCase();
    if (on === '*.*') for (const name of privileges) global.add(name);
    if (privileges.some((name) => name === 'SELECT' || name === 'ALL PRIVILEGES')) readable.add(on);
  }
  const isRevoked = lines.some(isRevokeOfPerformanceSchema);
  const reads = (table: string): boolean =>
    !isRevoked &&
    ['*.*', 'performance_schema.*', `performance_schema.${table}`].some((on) => readable.has(on));
  return {
    global,
    readsPerformanceSchema: reads('threads'),
    seesHeartbeats: reads('replication_connection_status'),
  };
}

/** MySQL's partial revokes take a schema out of a global grant. */
function isRevokeOfPerformanceSchema(line: string): boolean {
  const [, list = '', object = ''] = revokeForm.exec(line) ?? [];
  return /performance_schema/i.test(object) && namesIn(list).some((name) => name === 'SELECT');
}

/** Columns in brackets are no privilege of their own; newer MariaDB says REPLICA for SLAVE. */
const namesIn = (list: string): readonly string[] =>
  list
    .replaceAll(/\([^)]*\)/g, '')
    .split(',')
    .map((name) => canonical(name));

const canonical = (name: string): string =>
  name
    .trim()
    .toUpperCase()
    .replaceAll('_', ' ')
    .replace(/^REPLICATION REPLICA ADMIN$/, 'REPLICATION SLAVE ADMIN')
    .replace(/^REPLICATION REPLICA$/, 'REPLICATION SLAVE')
    .replace(/^REPLICA MONITOR$/, 'SLAVE MONITOR')
    .replace(/^BINLOG MONITOR$/, 'REPLICATION CLIENT')
    .replace(/\s+/g, ' ');
