import { join } from 'node:path';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { makeWritable } from '../../src/demo/mysql-replication.ts';
import { makeCertificate } from '../support/certificate.ts';
import { connect, type EngineUnderTest } from '../support/engines-under-test.ts';
import { showCertificate } from '../support/mysql-certificate.ts';
import { prependServerFile, writeServerFile } from '../support/server-files.ts';
import { type Cleanup, withMysqlCluster, withPostgresCluster } from '../support/servers.ts';
import type { DriverSuite } from './suite.ts';

/** Two fresh servers alike, with TLS and what `suite` expects: what a test leaves behind is there on both. */
export async function startServerPair(
  t: Cleanup,
  engine: EngineUnderTest,
  suite: DriverSuite,
): Promise<readonly [EmbeddedCluster, EmbeddedCluster]> {
  const certificate = await makeCertificate(t);
  const startOne = async (): Promise<EmbeddedCluster> => {
    const cluster = await startServer(t, engine);
    const [instance] = cluster.instances;
    if (instance === undefined) throw new Error('a cluster has a server');
    await encrypt[engine.cluster](engine, instance, certificate);
    const client = await connect(engine, instance.port);
    await suite.prepareServer(client).finally(() => client.close());
    return cluster;
  };
  return [await startOne(), await startOne()];
}

const startServer = (t: Cleanup, { cluster, name }: EngineUnderTest): Promise<EmbeddedCluster> => {
  if (cluster === 'pg') return withPostgresCluster(t, { replicas: 0 });
  const mysqld = process.env.AURELAY_TEST_MYSQLD;
  return withMysqlCluster(t, {
    replicas: 0,
    ...(name === 'MySQL' && mysqld !== undefined ? { binaries: mysqld } : {}),
  });
};

type Encrypt = (
  engine: EngineUnderTest,
  instance: EmbeddedInstance,
  tls: { readonly certificate: string; readonly key: string },
) => Promise<void>;

const encrypt: Readonly<Record<'pg' | 'mysql', Encrypt>> = {
  pg: async (engine, instance, tls) => {
    await prependServerFile(join(instance.directory, 'pg_hba.conf'), [
      'host all scram_test,scram_unicode_test 127.0.0.1/32 scram-sha-256',
    ]);
    await writeServerFile(join(instance.directory, 'server.key'), tls.key);
    await writeServerFile(join(instance.directory, 'server.crt'), tls.certificate);
    const client = await connect(engine, instance.port);
    await client.query('ALTER SYSTEM SET ssl = on');
    await client.query('SELECT pg_reload_conf()');
    await client.close();
  },
  mysql: async (engine, instance, tls) => {
    await showCertificate(instance, tls, ['local_infile=1']);
    await makeWritable(engine.name === 'MariaDB' ? 'mariadb' : 'mysql', instance.port);
  },
};
