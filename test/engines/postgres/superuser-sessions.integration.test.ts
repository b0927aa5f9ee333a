import assert from 'node:assert/strict';
import { it } from 'node:test';
import { instanceId } from '../../../src/base/brand.ts';
import type { EmbeddedInstance } from '../../../src/demo/cluster.ts';
import { OperationFailed } from '../../../src/engines/engine.ts';
import { postgres } from '../../../src/engines/postgres/engine.ts';
import { defaultTls } from '../../support/default-tls.ts';
import { postgresDrivers, type SqlClient } from '../../support/drivers.ts';
import { within } from '../../support/eventually.ts';
import { withPostgresCluster } from '../../support/servers.ts';
import { documentedStatements } from '../documented-statements.ts';

const patientMs = 20_000;

it('a fence by a user with only pg_signal_backend ends what it may, and names what it may not', {
  timeout: 120_000,
}, async (t) => {
  const { instances } = await withPostgresCluster(t, { replicas: 0 });
  const [{ port }] = instances as [EmbeddedInstance];
  const open = async (user: string): Promise<SqlClient> => {
    const [driver] = postgresDrivers;
    assert(driver !== undefined);
    const client = await driver.connect({ port, user });
    t.after(() => client.close());
    return client;
  };
  const superuser = await open('postgres');
  for (const statement of await documentedStatements('PostgreSQL', 'monitor'))
    await superuser.query(statement);
  await superuser.query('CREATE ROLE application LOGIN');
  const application = await open('application');
  const target = {
    instance: instanceId('pg-1'),
    address: { host: '127.0.0.1', port },
    user: 'aurelay',
    password: 'monitor',
    database: 'postgres',
    tls: defaultTls,
  };
  const operations = postgres.createOperations(target);

  await assert.rejects(operations.fence(patientMs), (error: Error) => {
    assert(error instanceof OperationFailed);
    assert.match(error.message, /sessions of superusers \(postgres\) are open/);
    return true;
  });
  await within('the application’s session ends', patientMs, application.ended);
  await superuser.close();
  await operations.fence(patientMs);
});
