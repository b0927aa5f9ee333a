import assert from 'node:assert/strict';
import { it } from 'node:test';
import mysql from 'mysql2/promise';
import { instanceId } from '../../../src/base/brand.ts';
import type { Observation } from '../../../src/cluster/observation.ts';
import type { EmbeddedInstance } from '../../../src/demo/cluster.ts';
import { mysqlMonitorUser } from '../../../src/demo/mysql-settings.ts';
import type { Operations, Target } from '../../../src/engines/engine.ts';
import { mysql as engine } from '../../../src/engines/mysql/engine.ts';
import { defaultTls } from '../../support/default-tls.ts';
import { enginesUnderTest } from '../../support/engines-under-test.ts';
import { eventually } from '../../support/eventually.ts';
import { documentedStatements } from '../documented-statements.ts';

/** Generous, because nothing here is about speed. */
const patientMs = 20_000;
const password = 'monitor';
const tooManyConnections = 1040;

async function open(instance: EmbeddedInstance, user: string): Promise<mysql.Connection> {
  const login = user === mysqlMonitorUser ? { user } : { user, password: 'application' };
  const connection = await mysql.createConnection({ host: '127.0.0.1', port: instance.port, ...login });
  connection.on('error', () => {});
  return connection;
}

async function asAdmin(instance: EmbeddedInstance, statements: readonly string[]): Promise<void> {
  const connection = await open(instance, mysqlMonitorUser);
  for (const statement of statements) await connection.query(statement);
  await connection.end();
}

/** Takes every slot that an ordinary user gets, and keeps it. */
async function takeSlots(instance: EmbeddedInstance, taken: mysql.Connection[]): Promise<void> {
  for (;;) {
    const refusal = await open(instance, 'application').then(
      (connection) => {
        taken.push(connection);
        return null;
      },
      (error: { errno?: number; message: string }) => error,
    );
    if (refusal === null) continue;
    assert.equal(refusal.errno, tooManyConnections, refusal.message);
    return;
  }
}

const targetOf = ({ id, port }: EmbeddedInstance): Target => ({
  instance: instanceId(id),
  address: { host: '127.0.0.1', port },
  tls: defaultTls,
  user: 'aurelay_monitor',
  password,
  database: 'postgres',
});

/** Over a connection of its own. The one slot may still be held by the connection before it, which has just closed. */
const look = (instance: EmbeddedInstance): Promise<Observation> =>
  eventually('a fresh probe gets in', async () => {
    const probe = engine.createProbe(targetOf(instance));
    try {
      const result = await probe.probe(patientMs);
      return result.kind === 'observed' ? result.observation : null;
    } finally {
      probe.close();
    }
  });

/** For the same reason. */
const operate = (instance: EmbeddedInstance, run: (operations: Operations) => Promise<unknown>) =>
  eventually('the operation gets in', () =>
    run(engine.createOperations(targetOf(instance))).then(
      () => true,
      (error: Error) => {
        if (error.message.includes(String(tooManyConnections))) return false;
        throw error;
      },
    ),
  );

for (const { name, cluster, skip, start } of await enginesUnderTest()) {
  if (cluster !== 'mysql') continue;
  it(`${name}: the documented monitor user gets in when every ordinary slot is taken`, {
    skip,
    timeout: 120_000,
  }, async (t) => {
    const { instances } = await start(t, { replicas: 1 });
    const [writer, replica] = instances as [EmbeddedInstance, EmbeddedInstance];
    const documented = await documentedStatements(name, password);
    await asAdmin(writer, [
      // The demo’s own `aurelay` has every privilege.
      ...documented.map((statement) => statement.replaceAll('aurelay@', 'aurelay_monitor@')),
      "CREATE USER application@'%' IDENTIFIED BY 'application'",
    ]);
    await eventually('the replica has the application’s user', () =>
      open(replica, 'application').then(
        (connection) => connection.end().then(() => true),
        () => false,
      ),
    );
    for (const instance of instances) await asAdmin(instance, ['SET GLOBAL max_connections = 20']);
    const taken: mysql.Connection[] = [];
    t.after(async () => {
      for (const connection of taken) connection.destroy();
    });
    await Promise.all(instances.map((instance) => takeSlots(instance, taken)));

    assert.equal((await look(writer)).role, 'writer');
    assert.equal((await look(replica)).role, 'replica');
    const source = { host: 'localhost', port: writer.port };
    await operate(replica, (operations) =>
      operations.follow(source, { user: 'replicator', password: null }, false, patientMs),
    );
    await operate(writer, (operations) => operations.fence(patientMs));
    await operate(replica, (operations) => operations.promote(patientMs, null));
    assert.equal((await look(replica)).role, 'writer');
  });
}
