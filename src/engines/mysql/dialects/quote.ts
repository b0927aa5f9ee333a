/** The name of a channel or connection as an SQL string, for sessions without NO_BACKSLASH_ESCAPES. */
export const quote = (name: string): string => `'${name.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
