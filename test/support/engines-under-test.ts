import type { EmbeddedCluster } from '../../src/demo/cluster.ts';
import { type Driver, mysqlDrivers, postgresDrivers, type SqlClient } from './drivers.ts';
import { type Cleanup, requireMariadb, withMysqlCluster, withPostgresCluster } from './servers.ts';

/** What the same test needs to know of each engine. */
export interface EngineUnderTest {
  readonly name: 'PostgreSQL' | 'MariaDB' | 'MySQL';
  /** For `test(…, { skip }, …)`. */
  readonly skip: false | string;
  /** What a cluster of this engine is called in Aurelay's configuration here. */
  readonly cluster: 'pg' | 'mysql';
  readonly drivers: readonly Driver[];
  /** The id of an instance. */
  readonly id: (number: number) => string;
  start(t: Cleanup, options: { readonly replicas: number }): Promise<EmbeddedCluster>;
  /** Which instance answers; it has to be asked, not told. */
  whoAnswers(client: SqlClient): Promise<string>;
  /** A table of this name of one column `id`, its key, in a database that every connection can name it in. */
  readonly createTable: (name: string) => readonly string[];
  readonly table: (name: string) => string;
  /** What an error of Aurelay's own looks like in any driver of this engine. */
  readonly unavailable: { readonly code: string | number };
  /** What a write gets that a fenced server refuses. */
  readonly readOnly: { readonly code: string | number };
}

/** The code that a driver puts on a server's error: SQLSTATE (PostgreSQL), error number (MySQL). */
export function codeOf(engine: EngineUnderTest, error: unknown): string | number | undefined {
  const { code, errno } = error as { code?: string; errno?: number };
  return engine.cluster === 'pg' ? code : errno;
}

/** A connection through the first driver of the engine. */
export const connect = (engine: EngineUnderTest, port: number): Promise<SqlClient> => {
  const [driver] = engine.drivers;
  if (driver === undefined) throw new Error('every engine has a driver');
  return driver.connect({ port });
};

const postgres: EngineUnderTest = {
  name: 'PostgreSQL',
  skip: false,
  cluster: 'pg',
  drivers: postgresDrivers,
  id: (number) => `pg-${number}`,
  start: (t, { replicas }) => withPostgresCluster(t, { replicas }),
  whoAnswers: async (client) => String((await client.query('SHOW cluster_name'))[0]?.cluster_name),
  createTable: (name) => [`CREATE TABLE IF NOT EXISTS ${name} (id bigint PRIMARY KEY)`],
  table: (name) => name,
  unavailable: { code: '57P03' },
  readOnly: { code: '25006' },
};

const mysql = (name: 'MariaDB' | 'MySQL', skip: false | string, binaries?: string): EngineUnderTest => ({
  name,
  skip,
  cluster: 'mysql',
  drivers: mysqlDrivers,
  id: (number) => `mysql-${number}`,
  start: (t, { replicas }) =>
    withMysqlCluster(t, {
      replicas,
      rootHonoursReadOnly: true,
      ...(binaries === undefined ? {} : { binaries }),
    }),
  whoAnswers: async (client) => `mysql-${(await client.query('SELECT @@server_id AS id'))[0]?.id}`,
  createTable: (table) => [
    'CREATE DATABASE IF NOT EXISTS e2e',
    `CREATE TABLE IF NOT EXISTS e2e.${table} (id bigint PRIMARY KEY)`,
  ],
  table: (table) => `e2e.${table}`,
  unavailable: { code: 1053 },
  readOnly: { code: 1290 },
});

/** PostgreSQL and MariaDB; and MySQL where `AURELAY_TEST_MYSQLD` names its server binary. */
export async function enginesUnderTest(): Promise<readonly EngineUnderTest[]> {
  const mysqld = process.env.AURELAY_TEST_MYSQLD;
  return [
    postgres,
    mysql('MariaDB', await requireMariadb()),
    ...(mysqld === undefined || mysqld === '' ? [] : [mysql('MySQL', false, mysqld)]),
  ];
}

const families: ReadonlyMap<string, EngineUnderTest['cluster']> = new Map([
  ['postgres', 'pg'],
  ['mysql', 'mysql'],
]);

/** As commands take it: `mysql` is MySQL where there is a server of it, which comes after MariaDB, else MariaDB. */
export async function engineCalled(name: string): Promise<EngineUnderTest | undefined> {
  return (await enginesUnderTest()).findLast(({ cluster }) => cluster === families.get(name));
}
