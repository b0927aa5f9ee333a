/**
 * What `SHOW GRANTS` says, as far as it matters here (MySQL manual and MariaDB documentation, "SHOW GRANTS"): one line
 * a statement, those of active roles among them.
 */
export interface Grants {
  /** In capitals with spaces, whatever the spelling: `REPLICATION SLAVE ADMIN`, `ALL PRIVILEGES`. */
  readonly global: ReadonlySet<string>;
  readonly readsPerformanceSchema: boolean;
}

const statementForm = /^GRANT (.+?) ON (?:TABLE |FUNCTION |PROCEDURE )?(\S+) TO /i;
const revokeForm = /^REVOKE (.+?) ON (\S+) FROM /i;

export function readGrants(lines: readonly string[]): Grants {
  const global = new Set<string>();
  let readsPerformanceSchema = false;
  for (const line of lines) {
    const [, list, object] = statementForm.exec(line) ?? [];
    if (list === undefined || object === undefined) continue;
    const privileges = namesIn(list);
    const on = object.replaceAll('`', '').toLowerCase();
    if (on === '*.*') for (const name of privileges) global.add(name);
    const reads = privileges.some((name) => name === 'SELECT' || name === 'ALL PRIVILEGES');
    if (reads && ['*.*', 'performance_schema.*', 'performance_schema.threads'].includes(on)) {
      readsPerformanceSchema = true;
    }
  }
  if (lines.some(isRevokeOfPerformanceSchema)) readsPerformanceSchema = false;
  return { global, readsPerformanceSchema };
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
