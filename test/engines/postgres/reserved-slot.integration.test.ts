import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import pg from 'pg';
import { instanceId } from '../../../src/base/brand.ts';
import type { Observation } from '../../../src/cluster/observation.ts';
import type { EmbeddedInstance } from '../../../src/demo/cluster.ts';
import type { Operations, Target } from '../../../src/engines/engine.ts';
import { postgres } from '../../../src/engines/postgres/engine.ts';
import { defaultTls } from '../../support/default-tls.ts';
import { eventually } from '../../support/eventually.ts';
import { withPostgresCluster } from '../../support/servers.ts';
import { documentedStatements } from '../documented-statements.ts';

/** Generous, because nothing here is about speed. */
const patientMs = 20_000;
const password = 'monitor';

async function open(instance: EmbeddedInstance, user: string): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: instance.port, user, database: 'postgres' });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Takes every slot that an ordinary user gets, and keeps it. */
async function takeSlots(instance: EmbeddedInstance, taken: pg.Client[]): Promise<void> {
  for (;;) {
    const refusal = await open(instance, 'application').then(
      (client) => {
        taken.push(client);
        return null;
      },
      (error: pg.DatabaseError) => error,
    );
    if (refusal === null) continue;
    assert.equal(refusal.code, '53300', refusal.message);
    return;
  }
}

const targetOf = ({ id, port }: EmbeddedInstance): Target => ({
  instance: instanceId(id),
  address: { host: '127.0.0.1', port },
  tls: defaultTls,
  user: 'aurelay',
  password,
  database: 'postgres',
});

/** Over a connection of its own. */
async function look(instance: EmbeddedInstance): Promise<Observation> {
  const probe = postgres.createProbe(targetOf(instance));
  try {
    const result = await probe.probe(patientMs);
    assert.ok(result.kind === 'observed', JSON.stringify(result));
    return result.observation;
  } finally {
    probe.close();
  }
}

const operationsOn = (instance: EmbeddedInstance): Operations =>
  postgres.createOperations(targetOf(instance));

it('the documented monitor user gets in when every ordinary slot is taken', {
  timeout: 120_000,
}, async (t) => {
  const { instances } = await withPostgresCluster(t, { replicas: 1 });
  const [writer, replica] = instances as [EmbeddedInstance, EmbeddedInstance];
  const setUp = await open(writer, 'postgres');
  for (const statement of await documentedStatements('PostgreSQL', password)) await setUp.query(statement);
  await setUp.query('CREATE ROLE application LOGIN');
  await setUp.end();
  for (const instance of instances) {
    await instance.stop();
    await appendFile(join(instance.directory, 'postgresql.conf'), 'reserved_connections = 8\n');
    await instance.start();
  }
  const taken: pg.Client[] = [];
  t.after(() => Promise.allSettled(taken.map((client) => client.end())).then(() => {}));
  await eventually('the replica has the application’s role', () =>
    open(replica, 'application').then(
      (client) => client.end().then(() => true),
      () => false,
    ),
  );
  await Promise.all(instances.map((instance) => takeSlots(instance, taken)));

  assert.equal((await look(writer)).role, 'writer');
  assert.equal((await look(replica)).role, 'replica');
  // The probe keeps its slot while an operation takes another.
  const kept = postgres.createProbe(targetOf(replica));
  t.after(async () => kept.close());
  assert.equal((await kept.probe(patientMs)).kind, 'observed');
  await operationsOn(replica).follow({ host: 'localhost', port: writer.port }, null, false, patientMs);
  await operationsOn(writer).fence(patientMs);
  await operationsOn(replica).promote(patientMs, null);
  assert.equal((await look(replica)).role, 'writer');
});
