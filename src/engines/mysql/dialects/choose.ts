import { unreachable } from '../../../base/assert.ts';
import type { ServerVersion } from '../server-version.ts';
import type { Dialect } from './dialect.ts';
import { mariadbDialect } from './mariadb.ts';
import { mysqlDialect } from './mysql.ts';

/** The dialect of a server, by what its greeting says. */
export function chooseDialect(version: ServerVersion): Dialect {
  switch (version.flavor) {
    case 'mysql':
      return mysqlDialect(version);
    case 'mariadb':
      return mariadbDialect;
    default:
      return unreachable(version.flavor);
  }
}
