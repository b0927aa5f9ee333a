import type { SqlClient } from '../support/drivers.ts';
import { readPgOutput, readPokuOutput } from './read-output.ts';
import type { TestResult } from './test-result.ts';

/** How a run of a suite connects. */
export interface Manner {
  readonly port: number;
  readonly isEncrypted: boolean;
  readonly isCompressed: boolean;
}

/** The published tests of one driver, as its repository holds them. */
export interface DriverSuite {
  readonly engine: 'PostgreSQL' | 'MySQL';
  /** Where the driver's package is in its repository. */
  readonly folder: string;
  /** Which of its devDependencies the tests need. */
  readonly testDependencies: readonly string[];
  /** Folders of the tests that talk to a server. */
  readonly tests: readonly string[];
  /** What the path of a file of tests ends with. */
  readonly suffix: string;
  /** What Node is told beside the file. */
  readonly nodeArguments: readonly string[];
  readonly environment: (manner: Manner) => Readonly<Record<string, string>>;
  /** What the tests expect of a server. `client` may do everything. */
  prepareServer(client: SqlClient): Promise<void>;
  readonly read: (output: string) => readonly TestResult[];
}

const host = '127.0.0.1';

const pg: DriverSuite = {
  engine: 'PostgreSQL',
  folder: 'packages/pg',
  testDependencies: ['async', 'bluebird', 'co', 'pg-copy-streams'],
  tests: ['test/integration'],
  suffix: '-tests.js',
  nodeArguments: [],
  environment: ({ port, isEncrypted }) => ({
    ...{ PGHOST: host, PGPORT: String(port), PGUSER: 'postgres', PGDATABASE: 'postgres' },
    // As in the repository's own workflow; the last one is U+2168, which has to be normalised.
    ...{ SCRAM_TEST_PGUSER: 'scram_test', SCRAM_TEST_PGPASSWORD: 'test4scram' },
    ...{ SCRAM_TEST_PGUSER_UNICODE: 'scram_unicode_test', SCRAM_TEST_PGPASSWORD_UNICODE: 'IX-\u2168' },
    ...(isEncrypted ? { PGSSLMODE: 'no-verify' } : {}),
  }),
  async prepareServer(client) {
    await client.query("SET password_encryption = 'scram-sha-256'");
    await client.query("CREATE ROLE scram_test LOGIN PASSWORD 'test4scram'");
    await client.query("CREATE ROLE scram_unicode_test LOGIN PASSWORD U&'IX-\\2168'");
  },
  read: readPgOutput,
};

const mysql2: DriverSuite = {
  engine: 'MySQL',
  folder: '.',
  testDependencies: ['poku', 'tsx', 'error-stack-parser', 'portfinder', 'assert-diff'],
  tests: ['test/integration', 'test/global'],
  suffix: '.test.mts',
  nodeArguments: ['--import', 'tsx'],
  environment: ({ port, isEncrypted, isCompressed }) => ({
    ...{ MYSQL_HOST: host, MYSQL_PORT: String(port), MYSQL_USER: 'root', MYSQL_DATABASE: 'test' },
    ...{ MYSQL_USE_TLS: isEncrypted ? '1' : '0', MYSQL_USE_COMPRESSION: isCompressed ? '1' : '0' },
  }),
  async prepareServer(client) {
    await client.query('CREATE DATABASE IF NOT EXISTS test');
  },
  read: readPokuOutput,
};

export const driverSuites: Readonly<Record<string, DriverSuite>> = { pg, mysql2 };
