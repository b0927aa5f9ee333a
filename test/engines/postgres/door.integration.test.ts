import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Door } from '../../../src/engines/postgres/door.ts';
import { certificateMissing, makeCertificate } from '../../support/certificate.ts';
import { eventually } from '../../support/eventually.ts';
import { scopeOf } from '../../support/scope.ts';
import { writeServerFile } from '../../support/server-files.ts';
import { withPostgresCluster } from '../../support/servers.ts';

const patienceMs = 20_000;

test('a server with TLS logs nothing of a knock at its door', { skip: certificateMissing() }, async (t) => {
  const scope = scopeOf(t);
  const { certificate, key } = await makeCertificate(scope);
  const cluster = await withPostgresCluster(scope, { replicas: 0 });
  const [instance] = cluster.instances;
  assert.ok(instance !== undefined);
  await writeServerFile(join(instance.directory, 'server.crt'), certificate);
  await writeServerFile(join(instance.directory, 'server.key'), key);
  const client = new pg.Client({ host: '127.0.0.1', port: instance.port, user: 'postgres' });
  await client.connect();
  scope.after(() => client.end());
  await client.query('ALTER SYSTEM SET ssl = on');
  await client.query('SELECT pg_reload_conf()');
  const log = (): Promise<string> => readFile(join(instance.directory, '..', `${instance.id}.log`), 'utf8');
  await eventually('TLS is on', async () => (await client.query('SHOW ssl')).rows[0]?.ssl === 'on');

  const door = new Door();
  scope.after(async () => door.close());
  const before = await log();
  door.knock({ host: '127.0.0.1', port: instance.port }, patienceMs);
  // The first look at a silent door is given the benefit of the doubt.
  await eventually('the knock was answered', () => door.look(0) === null && door.look(0) === null);
  // Logged by a process of its own that has to notice the end first: whoever comes later is logged later.
  await client.query("DO $$ BEGIN RAISE LOG 'the end of the test'; END $$");
  await sleep(200);
  assert.match(await log(), /the end of the test/);
  assert.doesNotMatch((await log()).slice(before.length), /could not|SSL|GSS/);
});
