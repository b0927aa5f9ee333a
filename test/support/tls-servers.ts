import { join } from 'node:path';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import pg from 'pg';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { mysqlMonitorUser } from '../../src/demo/mysql-settings.ts';
import type { EngineName, Target } from '../../src/engines/engine.ts';
import { openLink } from '../../src/engines/mysql/link.ts';
import { ServerConnection } from '../../src/engines/postgres/connection.ts';
import type { Certificate } from './certificate.ts';
import { eventually } from './eventually.ts';
import { appendServerFile, prependServerFile, writeServerFile } from './server-files.ts';
import { type Cleanup, requireMariadb, withMysqlCluster, withPostgresCluster } from './servers.ts';

/** One real server whose certificate can be changed while it runs; the user `watcher` has no password. */
export interface TlsServer {
  readonly port: number;
  /** No TLS at all; only before the first `show`. */
  show(certificate: Certificate): Promise<void>;
  /** Whether `watcher` must have a certificate of the authority that `startTlsServer` was given. */
  demandClientCertificate(demanded: boolean): Promise<void>;
  /** Connects as the engine does; what the server itself says of the connection. */
  connect(target: Target): Promise<'tls' | 'plain'>;
}

export interface TlsEngine {
  readonly name: 'PostgreSQL' | 'MariaDB' | 'MySQL';
  readonly engine: EngineName;
  /** For `test(…, { skip }, …)`. */
  readonly skip: false | string;
  /** For tests of certificates that the server itself would find at fault: MySQL takes none such. */
  readonly skipFaulty: false | string;
  /** With the authority, in PEM, of the certificates that clients may have. */
  start(t: Cleanup, clientAuthority: string): Promise<TlsServer>;
}

/** PostgreSQL and MariaDB; and MySQL where `AURELAY_TEST_MYSQLD` names its server binary. */
export async function tlsEngines(): Promise<readonly TlsEngine[]> {
  const mysqld = process.env.AURELAY_TEST_MYSQLD ?? '';
  return [
    { name: 'PostgreSQL', engine: 'postgres', skip: false, skipFaulty: false, start: startPostgres },
    {
      name: 'MariaDB',
      engine: 'mysql',
      skip: await requireMariadb(),
      skipFaulty: false,
      start: async (t, authority) => startMysql(await withMysqlCluster(t, { replicas: 0 }), authority),
    },
    {
      name: 'MySQL',
      engine: 'mysql',
      skip: mysqld === '' ? 'set AURELAY_TEST_MYSQLD to the path of a mysqld' : false,
      skipFaulty: 'MySQL verifies its own certificate and takes none that is at fault',
      start: async (t, authority) =>
        startMysql(await withMysqlCluster(t, { replicas: 0, binaries: mysqld }), authority),
    },
  ];
}

async function startPostgres(t: Cleanup, clientAuthority: string): Promise<TlsServer> {
  const cluster = await withPostgresCluster(t, { replicas: 0 });
  const [instance] = cluster.instances as [EmbeddedInstance];
  const file = (name: string): string => join(instance.directory, name);
  const admin = new pg.Client({
    host: '127.0.0.1',
    port: instance.port,
    user: 'postgres',
    database: 'postgres',
  });
  admin.on('error', () => {});
  await admin.connect();
  t.after(() => admin.end().catch(() => {}));
  await admin.query('CREATE ROLE watcher LOGIN SUPERUSER');
  await writeServerFile(file('clients.pem'), clientAuthority);
  /** The server reloads when it gets round to it: told by a setting that is of no use otherwise. */
  let reloads = 0;
  const reload = async (): Promise<void> => {
    reloads += 1;
    await admin.query(`ALTER SYSTEM SET test.reloads = '${reloads}'`);
    await admin.query('SELECT pg_reload_conf()');
    await eventually('the settings are read', async () => {
      const client = new pg.Client({ host: '127.0.0.1', port: instance.port, user: 'postgres' });
      await client.connect();
      const { rows } = await client.query("SELECT current_setting('test.reloads', true) AS reloads");
      await client.end();
      return rows[0]?.reloads === String(reloads);
    });
  };
  await admin.query("ALTER SYSTEM SET ssl_ca_file = 'clients.pem'");
  await prependServerFile(file('pg_hba.conf'), ['include_if_exists watcher.conf']);
  return {
    port: instance.port,
    async show({ certificate, key }) {
      await writeServerFile(file('server.crt'), certificate);
      await writeServerFile(file('server.key'), key);
      await admin.query('ALTER SYSTEM SET ssl = on');
      await reload();
    },
    async demandClientCertificate(demanded) {
      const lines = [
        'hostssl all watcher 127.0.0.1/32 trust clientcert=verify-ca',
        'host all watcher 127.0.0.1/32 reject',
      ];
      await writeServerFile(file('watcher.conf'), demanded ? `${lines.join('\n')}\n` : '');
      await reload();
    },
    async connect(target) {
      const connection = new ServerConnection(target, {
        applicationName: 'aurelay-test',
        statementTimeoutMs: 10_000,
      });
      try {
        await connection.open();
        const [row] = await connection.query(
          'SELECT ssl::text AS ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
        );
        return row?.ssl === 'true' ? 'tls' : 'plain';
      } finally {
        connection.destroy();
      }
    },
  };
}

async function startMysql(cluster: EmbeddedCluster, clientAuthority: string): Promise<TlsServer> {
  const isMariadb = /mariadb/i.test(cluster.version);
  const [instance] = cluster.instances as [EmbeddedInstance];
  const file = (name: string): string => join(instance.directory, name);
  const run = async (...statements: readonly string[]): Promise<readonly RowDataPacket[]> => {
    const client = await mysql.createConnection({
      ...{ host: '127.0.0.1', port: instance.port, user: mysqlMonitorUser },
    });
    let rows: readonly RowDataPacket[] = [];
    for (const statement of statements) [rows] = await client.query<RowDataPacket[]>(statement);
    await client.end();
    return rows;
  };
  await run("CREATE USER watcher@'127.0.0.1'", "GRANT ALL PRIVILEGES ON *.* TO watcher@'127.0.0.1'");
  await writeServerFile(file('clients.pem'), clientAuthority);
  const files = {
    ssl_cert: file('server.crt'),
    ssl_key: file('server.key'),
    ssl_ca: file('clients.pem'),
  };
  const reloadMysql = 'ALTER INSTANCE RELOAD TLS';
  // MySQL made itself a certificate at its first start.
  if (!isMariadb) {
    await run("SET GLOBAL ssl_cert = 'missing.pem'", `${reloadMysql} NO ROLLBACK ON ERROR`);
  }
  let hasTls = false;
  return {
    port: instance.port,
    async show({ certificate, key }) {
      await writeServerFile(file('server.crt'), certificate);
      await writeServerFile(file('server.key'), key);
      if (!isMariadb) {
        const settings = Object.entries(files).map(([name, of]) => `SET GLOBAL ${name} = '${of}'`);
        await run(...settings, reloadMysql);
      } else if (hasTls) {
        await run('FLUSH SSL');
      } else {
        hasTls = true;
        const lines = Object.entries(files).map(([name, of]) => `${name}=${of}`);
        await appendServerFile(file('my.cnf'), lines);
        await instance.stop();
        await instance.start();
      }
    },
    async demandClientCertificate(demanded) {
      await run(`ALTER USER watcher@'127.0.0.1' REQUIRE ${demanded ? 'X509' : 'NONE'}`);
    },
    async connect(target) {
      const link = await openLink(target, 'aurelay-test', AbortSignal.timeout(20_000));
      try {
        const [rows] = await link.query("SHOW SESSION STATUS LIKE 'Ssl_version'");
        return (rows?.[0]?.Value ?? '') === '' ? 'plain' : 'tls';
      } finally {
        link.destroy();
      }
    },
  };
}
