import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import pg from 'pg';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { type Certificate, certificateMissing, makeCertificate } from '../support/certificate.ts';
import { eventually, within } from '../support/eventually.ts';
import { WireClient } from '../support/postgres-wire.ts';
import { programMissing, runProgram, startProgram } from '../support/programs.ts';
import { type InProcessAurelay, startAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';
import { writeServerFile } from '../support/server-files.ts';
import { freePort, withPostgresCluster } from '../support/servers.ts';

const skip = certificateMissing();
const skipPsql = skip || programMissing('psql');

describe('PostgreSQL: names on one port', { timeout: 180_000 }, () => {
  const scope = scopeOf({ after });
  let orders: EmbeddedCluster;
  let shop: EmbeddedCluster;
  let aurelay: InProcessAurelay;
  let certificate: Certificate;
  let port = 0;

  before(async () => {
    if (skip !== false) return;
    orders = await withPostgresCluster(scope, { replicas: 1 });
    shop = await withPostgresCluster(scope, { replicas: 0 });
    certificate = await makeCertificate(scope);
    for (const { instances } of [orders, shop]) await Promise.all(instances.map(switchTlsOn));
    const listen = `127.0.0.1:${await freePort()}`;
    aurelay = await startAurelay(
      scope,
      {
        name: 'orders',
        cluster: orders,
        endpoints: {
          writer: { type: 'writer', listen, hostname: 'writer.orders.example.com', default: 'true' },
          reader: { type: 'reader', listen, hostname: 'reader.orders.example.com', fallback: 'none' },
        },
      },
      {
        name: 'shop',
        cluster: shop,
        endpoints: { writer: { type: 'writer', listen, hostname: 'shop.example.com' } },
      },
    );
    port = aurelay.port('writer', 'orders');
  });

  async function switchTlsOn(instance: EmbeddedInstance): Promise<void> {
    await writeServerFile(join(instance.directory, 'server.key'), certificate.key);
    await writeServerFile(join(instance.directory, 'server.crt'), certificate.certificate);
    const client = await connect({ port: instance.port });
    await client.query('ALTER SYSTEM SET ssl = on');
    await client.query('SELECT pg_reload_conf()');
    await client.end();
  }

  async function connect(
    config: pg.ClientConfig & { readonly sslnegotiation?: 'direct' },
  ): Promise<pg.Client> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'postgres',
      database: 'postgres',
      ...config,
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /** The server's own port, and whether it has TLS. */
  const whereAmI =
    "SELECT current_setting('port') || ' ' || ssl AS here FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
  const portOf = (cluster: EmbeddedCluster, index: number): number => cluster.instances[index]?.port ?? 0;
  const psql = (t: TestContext, conninfo: string, sql = whereAmI) =>
    runProgram(t, 'psql', [
      '-X',
      '-A',
      '-t',
      '-c',
      sql,
      `hostaddr=127.0.0.1 port=${port} user=postgres dbname=postgres ${conninfo}`,
    ]);

  it('psql comes by the name that it connects to, in TLS from end to end', { skip: skipPsql }, async (t) => {
    for (const [host, server] of [
      ['writer.orders.example.com', portOf(orders, 0)],
      ['reader.orders.example.com', portOf(orders, 1)],
      ['shop.example.com', portOf(shop, 0)],
    ] as const) {
      const { stdout, stderr } = await psql(t, `host=${host} sslmode=require`);
      assert.equal(stdout, `${server} true\n`, stderr);
    }
    // It does not say a name, or has none to say.
    for (const conninfo of ['host=shop.example.com sslmode=require sslsni=0', 'sslmode=require']) {
      const { stdout, stderr } = await psql(t, conninfo);
      assert.equal(stdout, `${portOf(orders, 0)} true\n`, stderr);
    }
    const { status, stderr } = await psql(t, 'host=other.example.com sslmode=require');
    assert.notEqual(status, 0);
    assert.match(stderr, /unrecognized name/);
    assert.doesNotMatch(stderr, /orders|shop/);
  });

  it('psql without TLS comes to the default, or to what its options name', { skip: skipPsql }, async (t) => {
    const asked = (options: string, sql?: string) => psql(t, `sslmode=disable options='${options}'`, sql);
    assert.equal((await asked('')).stdout, `${portOf(orders, 0)} false\n`);
    assert.equal((await asked('-c aurelay.endpoint=reader')).stdout, `${portOf(orders, 1)} false\n`);
    assert.equal((await asked('-c aurelay.endpoint=shop/writer')).stdout, `${portOf(shop, 0)} false\n`);
    // The rest of the options is the server's, and it never sees ours.
    const sql = "SELECT current_setting('work_mem'), current_setting('aurelay.endpoint', true) IS NULL";
    const options = '-c work_mem=5MB --aurelay.endpoint=reader';
    assert.equal((await asked(options, sql)).stdout, '5MB|t\n');
    const { status, stderr } = await asked('-c aurelay.endpoint=nobody');
    assert.notEqual(status, 0);
    assert.match(stderr, /FATAL: {2}aurelay: there is no endpoint "nobody" on this port/);
  });

  it('drivers come by name, with a request for TLS and without', { skip }, async (t) => {
    for (const sslnegotiation of [{}, { sslnegotiation: 'direct' as const }]) {
      for (const [servername, server] of [
        ['reader.orders.example.com', portOf(orders, 1)],
        ['SHOP.example.com', portOf(shop, 0)],
      ] as const) {
        const client = await connect({
          ...sslnegotiation,
          ssl: { servername, ca: certificate.certificate, checkServerIdentity: () => undefined },
        });
        t.after(() => client.end().catch(() => {}));
        const { rows } = await client.query(whereAmI);
        assert.deepEqual(rows, [{ here: `${server} true` }]);
        await client.end();
      }
      const ssl = { servername: 'nobody.example.com', rejectUnauthorized: false };
      await assert.rejects(connect({ ...sslnegotiation, ssl }), /unrecognized.name/i);
    }
  });

  async function runs(server: number, query: string): Promise<void> {
    const client = await connect({ port: server });
    await eventually(`${query} runs`, async () => {
      const { rows } = await client.query(
        "SELECT 1 FROM pg_stat_activity WHERE query = $1 AND state = 'active'",
        [query],
      );
      return rows.length === 1;
    }).finally(() => client.end());
  }

  it("psql's Ctrl-C, which names nobody, stops its query on a replica or in another cluster", {
    skip: skipPsql,
  }, async (t) => {
    for (const [host, server] of [
      ['reader.orders.example.com', portOf(orders, 1)],
      ['shop.example.com', portOf(shop, 0)],
    ] as const) {
      const other = await connect({});
      t.after(() => other.end().catch(() => {}));
      const undisturbed = other.query("SELECT 'done' AS it FROM pg_sleep(1)");
      const conninfo = `host=${host} hostaddr=127.0.0.1 port=${port} user=postgres dbname=postgres sslmode=require`;
      const { process, result } = startProgram(t, 'psql', ['-X', '-c', 'SELECT pg_sleep(62)', conninfo]);
      await runs(server, 'SELECT pg_sleep(62)');
      process.kill('SIGINT');
      const { stderr } = await within('psql ends', 10_000, result);
      assert.match(stderr, /canceling statement due to user request/);
      assert.deepEqual((await undisturbed).rows, [{ it: 'done' }]);
    }
  });

  it('a cancel with a key of protocol 3.2 stops its query', { skip }, async (t) => {
    const client = await WireClient.open(port);
    t.after(() => client.socket.destroy());
    const body = 'user\0postgres\0database\0postgres\0options\0-c aurelay.endpoint=shop/writer\0\0';
    const startup = Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 3, 0, 2]), Buffer.from(body)]);
    startup.writeUInt32BE(startup.length);
    client.socket.write(startup);
    await client.until('Z');
    const key = client.messages.find(({ type }) => type === 'K')?.body ?? Buffer.alloc(0);
    assert.equal(key.length, 4 + 32, 'the server gives out a long key');
    client.query('SELECT pg_sleep(63)');
    await runs(portOf(shop, 0), 'SELECT pg_sleep(63)');
    const cancel = await WireClient.open(port);
    const request = Buffer.concat([Buffer.from([0, 0, 0, 0, 4, 210, 22, 46]), key]);
    request.writeUInt32BE(request.length);
    cancel.socket.end(request);
    await within('the query is cancelled', 10_000, client.until('E'));
    assert.equal(client.error()?.C, '57014');
    await within('the cancel request is dealt with', 10_000, cancel.ended);
  });
});
