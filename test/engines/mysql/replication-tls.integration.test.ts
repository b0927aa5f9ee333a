import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import mysqlClient, { type RowDataPacket } from 'mysql2/promise';
import { instanceId } from '../../../src/base/brand.ts';
import { defaultServerTls, type TlsMode } from '../../../src/config/tls.ts';
import type { EmbeddedInstance } from '../../../src/demo/cluster.ts';
import { mysqlMonitorUser, mysqlReplicationUser } from '../../../src/demo/mysql-settings.ts';
import { mysql } from '../../../src/engines/mysql/engine.ts';
import { CertificateStore } from '../../../src/tls/certificate-store.ts';
import { ManualClock } from '../../control/manual-clock.ts';
import { certificateMissing, makeCertificate } from '../../support/certificate.ts';
import { eventually } from '../../support/eventually.ts';
import { scopeOf } from '../../support/scope.ts';
import { appendServerFile, writeServerFile } from '../../support/server-files.ts';
import { requireMariadb, withMysqlCluster } from '../../support/servers.ts';

const patientMs = 20_000;
const host = '127.0.0.1';
const skip = (await requireMariadb()) || certificateMissing();

test('a MariaDB replica receives in TLS where TLS is required, and goes on doing so', { skip }, async (t) => {
  const scope = scopeOf(t);
  const cluster = await withMysqlCluster(scope, { replicas: 1 });
  const [writer, replica] = cluster.instances as [EmbeddedInstance, EmbeddedInstance];
  const { certificate, key } = await makeCertificate(scope);
  const files = { ssl_cert: certificate, ssl_key: key };
  for (const [name, content] of Object.entries(files)) {
    await writeServerFile(join(writer.directory, name), content);
    await appendServerFile(join(writer.directory, 'my.cnf'), [`${name}=${join(writer.directory, name)}`]);
  }
  await writer.stop();
  await writer.start();
  await run(writer, 'SET GLOBAL read_only = OFF');
  await run(writer, `ALTER USER '${mysqlReplicationUser}'@'${host}' REQUIRE SSL`);

  const store = new CertificateStore({ clock: new ManualClock(), onReloaded() {}, onTrouble() {} });
  const follow = (mode: TlsMode): Promise<void> =>
    mysql
      .createOperations({
        ...{ instance: instanceId('mysql-2'), address: { host, port: replica.port }, database: '' },
        ...{ user: mysqlMonitorUser, password: null, tls: store.client({ ...defaultServerTls, mode }) },
      })
      .follow({ host, port: writer.port }, null, false, patientMs);
  const status = async () => {
    const [row] = await run(replica, 'SHOW SLAVE STATUS');
    return { io: row?.Slave_IO_Running, tls: row?.Master_SSL_Allowed, error: Number(row?.Last_IO_Errno) };
  };

  // The replica itself has no TLS: what counts is how it is spoken to by whoever repoints it.
  await assert.rejects(follow('require'), /the server offers no TLS/);
  for (const [name, content] of Object.entries(files)) {
    await writeServerFile(join(replica.directory, name), content);
    await appendServerFile(join(replica.directory, 'my.cnf'), [`${name}=${join(replica.directory, name)}`]);
  }
  await replica.stop();
  await replica.start();
  await run(replica, 'STOP SLAVE', 'CHANGE MASTER TO MASTER_SSL = 0', 'START SLAVE');
  await eventually('it is turned away without TLS', async () => (await status()).error === 1045);
  await follow('require');
  await eventually('it receives', async () => (await status()).io === 'Yes');
  assert.equal((await status()).tls, 'Yes');
  await run(replica, 'STOP SLAVE');
  await follow('prefer');
  await eventually('it receives again', async () => (await status()).io === 'Yes');
  assert.equal((await status()).tls, 'Yes');
});

async function run({ port }: EmbeddedInstance, ...statements: readonly string[]): Promise<RowDataPacket[]> {
  const client = await mysqlClient.createConnection({ host, port, user: mysqlMonitorUser });
  let rows: RowDataPacket[] = [];
  for (const statement of statements) [rows] = await client.query<RowDataPacket[]>(statement);
  await client.end();
  return rows;
}
