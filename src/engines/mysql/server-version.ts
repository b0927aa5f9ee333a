/** Which of the two families a server belongs to, and how new it is. */
export interface ServerVersion {
  readonly flavor: 'mysql' | 'mariadb';
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** For people: `MySQL 8.4.3`, `MariaDB 10.11.19`. */
  readonly name: string;
}

/**
 * Reads the version of a greeting or of `@@version`. MariaDB before 11 greets as `5.5.5-10.11.19-MariaDB-log`,
 * because old replicas refuse a first digit of two figures (MDEV-4088). Null where there is no version in it.
 */
export function parseServerVersion(text: string): ServerVersion | null {
  const isMariadb = /mariadb/i.test(text);
  const digits = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(isMariadb ? text.replace(/^5\.5\.5-/, '') : text);
  if (digits === null) return null;
  const [major, minor, patch] = digits.slice(1).map((figure) => Number(figure ?? 0)) as [
    number,
    number,
    number,
  ];
  const flavor = isMariadb ? 'mariadb' : 'mysql';
  const name = `${isMariadb ? 'MariaDB' : 'MySQL'} ${major}.${minor}.${patch}`;
  return { flavor, major, minor, patch, name };
}

export function isAtLeast(version: ServerVersion, major: number, minor: number, patch: number): boolean {
  if (version.major !== major) return version.major > major;
  if (version.minor !== minor) return version.minor > minor;
  return version.patch >= patch;
}
