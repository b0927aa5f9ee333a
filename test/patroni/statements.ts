const reads = /^(|SELECT .*|WITH role AS MATERIALIZED .*)$/i;
/** Functions that change something, in a SELECT. */
const changes = /pg_promote|pg_reload_conf|pg_terminate_backend|pg_cancel_backend|pg_wal_replay|set_config/i;

/**
 * What a user had a server do other than to read, by the server's own log (`log_statement = 'all'`, `log_line_prefix =
 * '%m [%p] %u '`). Throws where the log has not one statement of the user: then nothing was proven.
 */
export function statementsBeyondReading(log: string, user: string): readonly string[] {
  const told = [...log.matchAll(/^\S+ \S+ \S+ \[\d+\] (\S+) LOG: {2}(?:statement|execute [^:]+): (.*)$/gm)]
    .filter(([, who]) => who === user)
    .map(([, , statement = '']) => statement.trim());
  if (told.length === 0) throw new Error(`the server logged no statement of ${user}`);
  // A statement of several lines has its first here, which may be empty: the rest of it is indented.
  return told.filter((statement) => !reads.test(statement) || changes.test(statement));
}
