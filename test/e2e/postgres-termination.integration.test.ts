import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as openConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import pg from 'pg';
import type { EmbeddedCluster } from '../../src/demo/cluster.ts';
import { type Certificate, certificateMissing, makeCertificate } from '../support/certificate.ts';
import { filesOf } from '../support/certificate-files.ts';
import { postgresDrivers } from '../support/drivers.ts';
import { eventually } from '../support/eventually.ts';
import { programMissing, runProgram } from '../support/programs.ts';
import { type InProcessAurelay, startAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';
import { prependServerFile, writeServerFile } from '../support/server-files.ts';
import { withPostgresCluster } from '../support/servers.ts';

const password = 'a "secret" with spaces';
const sslQuery = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
const tlsRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const gssRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 48]);

/** A real server with a certificate of its own, behind Aurelays that end their clients' TLS with another one. */
describe('PostgreSQL: TLS that ends at the endpoint', {
  timeout: 180_000,
  skip: certificateMissing(),
}, () => {
  const scope = scopeOf({ after });
  let cluster: EmbeddedCluster;
  let shown: Certificate;
  let serversOwn: Certificate;
  /** By `server_tls.mode`. */
  let aurelays: Record<'require' | 'disable', InProcessAurelay>;

  before(async () => {
    cluster = await withPostgresCluster(scope, { replicas: 0 });
    [shown, serversOwn] = await Promise.all([makeCertificate(scope), makeCertificate(scope)]);
    const [instance] = cluster.instances;
    assert(instance !== undefined);
    await writeServerFile(join(instance.directory, 'server.key'), serversOwn.key);
    await writeServerFile(join(instance.directory, 'server.crt'), serversOwn.certificate);
    await prependServerFile(join(instance.directory, 'pg_hba.conf'), [
      'host all guarded 127.0.0.1/32 scram-sha-256',
    ]);
    const client = new pg.Client({ host: '127.0.0.1', port: instance.port, user: 'postgres' });
    await client.connect();
    await client.query("SET password_encryption = 'scram-sha-256'");
    await client.query(`CREATE ROLE guarded LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
    await client.query('ALTER SYSTEM SET ssl = on');
    await client.query('SELECT pg_reload_conf()');
    await eventually('the server has TLS', async () => {
      const { rows } = await client.query('SHOW ssl');
      return rows[0]?.ssl === 'on';
    });
    await client.end();

    const [ours, theirs] = await Promise.all([filesOf(scope, shown), filesOf(scope, serversOwn)]);
    const endpoints = {
      writer: { type: 'writer', tls: { mode: 'terminate', ...ours } },
      lax: { type: 'writer', tls: { mode: 'terminate', ...ours, required: false } },
      same: { type: 'writer', tls: { mode: 'terminate', ...theirs } },
    };
    const start = (mode: string) =>
      startAurelay(scope, { cluster, endpoints, failover: { mode: 'observe' }, serverTls: { mode } });
    aurelays = { require: await start('require'), disable: await start('disable') };
  });

  async function connect(t: TestContext, port: number, config: pg.ClientConfig): Promise<pg.Client> {
    const client = new pg.Client({
      ...{ host: '127.0.0.1', port, user: 'guarded', password, database: 'postgres' },
      ...config,
    });
    client.on('error', () => {});
    await client.connect();
    t.after(() => client.end().catch(() => {}));
    return client;
  }

  const psql = (t: TestContext, port: number, options: string) =>
    runProgram(t, 'psql', ['-X', '-A', '-t', '-c', sslQuery, `host=127.0.0.1 port=${port} ${options}`], {
      env: { PGUSER: 'guarded', PGDATABASE: 'postgres', PGPASSWORD: password },
    });

  /** Bytes of its own making, over a connection that answered a request for TLS with S. */
  async function openTls(t: TestContext, port: number): Promise<TLSSocket> {
    const socket = await open(t, port);
    socket.write(tlsRequest);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.equal(answer.toString(), 'S');
    const encrypted = tlsConnect({ socket, ca: shown.certificate });
    encrypted.on('error', () => {});
    await once(encrypted, 'secureConnect');
    return encrypted;
  }

  async function open(t: TestContext, port: number): Promise<Socket> {
    const socket = openConnection({ host: '127.0.0.1', port });
    t.after(() => void socket.destroy());
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  for (const mode of ['require', 'disable'] as const) {
    for (const driver of postgresDrivers) {
      it(`${driver.name}, server_tls ${mode}: logs in by SCRAM, and hears the server's own refusals`, async (t) => {
        const port = aurelays[mode].port('writer');
        const client = await driver.connect({ port, user: 'guarded', password, ca: shown.certificate });
        t.after(() => client.close());
        assert.deepEqual(await client.query(sslQuery), [{ ssl: mode === 'require' }]);
        await assert.rejects(
          driver.connect({ port, user: 'guarded', password: 'wrong', ca: shown.certificate }),
          { code: '28P01', message: 'password authentication failed for user "guarded"' },
        );
        await assert.rejects(
          driver.connect({ port, user: 'guarded', password, ca: serversOwn.certificate }),
          /self.signed certificate/,
        );
      });

      it(`${driver.name}, server_tls ${mode}: a client without TLS is told so, or let in where that is allowed`, async (t) => {
        await assert.rejects(
          driver.connect({ port: aurelays[mode].port('writer'), user: 'guarded', password }),
          {
            code: '28000',
            message: 'aurelay: endpoint "writer" of cluster "pg" takes connections with TLS only',
          },
        );
        const client = await driver.connect({ port: aurelays[mode].port('lax'), user: 'guarded', password });
        t.after(() => client.close());
        assert.deepEqual(await client.query(sslQuery), [{ ssl: mode === 'require' }]);
      });
    }

    it(`server_tls ${mode}: carries a big result whole`, async (t) => {
      const port = aurelays[mode].port('writer');
      const client = await connect(t, port, { ssl: { ca: shown.certificate } });
      const { rows } = await client.query(
        "SELECT repeat('x', 1000) || n AS row FROM generate_series(1, 20000) AS n",
      );
      assert.equal(rows.length, 20_000);
      assert.ok(rows.every(({ row }, at) => row.length === 1000 + String(at + 1).length));
    });
  }

  it('psql: what its channel binding comes to', { skip: programMissing('psql') }, async (t) => {
    const bound = { require: aurelays.require.port('writer'), same: aurelays.require.port('same') };
    const refused = await psql(t, bound.require, 'sslmode=require');
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /FATAL: {2}aurelay: the client wants to bind its login to the TLS channel/);
    assert.match(refused.stderr, /channel_binding=disable/);
    const answered = async (port: number, options: string): Promise<string> => {
      const { status, stdout, stderr } = await psql(t, port, options);
      assert.equal(status, 0, stderr);
      return stdout.trim();
    };
    const plain = aurelays.disable.port('writer');
    for (const port of [bound.require, plain]) {
      const { status, stderr } = await psql(t, port, 'sslmode=require channel_binding=require');
      assert.equal(status, 2);
      assert.match(stderr, /channel binding is required, but server did not offer/);
    }
    assert.equal(await answered(bound.require, 'sslmode=require channel_binding=disable'), 't');
    for (const binding of ['disable', 'prefer', 'require']) {
      assert.equal(await answered(bound.same, `sslmode=require channel_binding=${binding}`), 't');
    }
    assert.equal(await answered(plain, 'sslmode=require channel_binding=prefer'), 'f');
    assert.equal(await answered(plain, 'sslmode=require channel_binding=disable'), 'f');
    assert.equal(await answered(aurelays.require.port('lax'), 'sslmode=disable'), 't');
    assert.equal(await answered(aurelays.disable.port('lax'), 'sslmode=disable'), 'f');
    const log = aurelays.require.log();
    assert.ok(!log.includes(password), 'no password is logged');
  });

  it('pg: binds only where the certificates are the same, and where it is told to', async (t) => {
    const binding = { enableChannelBinding: true };
    const same = aurelays.require.port('same');
    const client = await connect(t, same, { ...binding, ssl: { ca: serversOwn.certificate } });
    assert.deepEqual((await client.query(sslQuery)).rows, [{ ssl: true }]);
    const other = connect(t, aurelays.require.port('writer'), { ...binding, ssl: { ca: shown.certificate } });
    await assert.rejects(other, { code: '28000', message: /bind its login to the TLS channel/ });
  });

  it('direct TLS: with the protocol named, and not without', async (t) => {
    const port = aurelays.require.port('writer');
    const direct: pg.ClientConfig = { sslnegotiation: 'direct', ssl: { ca: shown.certificate } };
    const client = await connect(t, port, direct);
    assert.deepEqual((await client.query(sslQuery)).rows, [{ ssl: true }]);

    const nameless = tlsConnect({ host: '127.0.0.1', port, ca: shown.certificate });
    nameless.on('error', () => {});
    const [words] = (await once(nameless, 'data')) as [Buffer];
    assert.match(words.toString('latin1'), /direct TLS needs the protocol "postgresql"/);
    await once(nameless, 'close');

    const strange = tlsConnect({ host: '127.0.0.1', port, ca: shown.certificate, ALPNProtocols: ['h2'] });
    const [error] = (await once(strange, 'error')) as [Error & { code: string }];
    assert.match(error.code, /NO_APPLICATION_PROTOCOL/);
  });

  it('a cancel request within TLS, and one without, reach the query', async (t) => {
    const port = aurelays.require.port('writer');
    for (const within of [true, false]) {
      const client = await connect(t, port, { ssl: { ca: shown.certificate } });
      const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
      const query = client.query('SELECT pg_sleep(60)').then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
      const request = Buffer.alloc(16);
      request.writeInt32BE(16, 0);
      request.writeInt32BE(80_877_102, 4);
      request.writeInt32BE(processID, 8);
      request.writeInt32BE(secretKey, 12);
      await eventually('the query is cancelled', async () => {
        const socket = within ? await openTls(t, port) : await open(t, port);
        socket.end(request);
        return Promise.race([
          query.then((outcome) => outcome === '57014'),
          new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 300)),
        ]);
      });
    }
  });

  it('a client that would have GSS encryption goes on with TLS', async (t) => {
    const socket = await open(t, aurelays.require.port('writer'));
    socket.write(gssRequest);
    const [no] = (await once(socket, 'data')) as [Buffer];
    assert.equal(no.toString(), 'N');
    socket.write(tlsRequest);
    const [yes] = (await once(socket, 'data')) as [Buffer];
    assert.equal(yes.toString(), 'S');
  });

  it('bytes in clear behind a request for TLS are refused, and so is TLS within TLS', async (t) => {
    const port = aurelays.require.port('writer');
    const early = await open(t, port);
    early.write(Buffer.concat([tlsRequest, Buffer.from('anything')]));
    const [words] = (await once(early, 'data')) as [Buffer];
    assert.match(words.toString('latin1'), /^E.*bytes in clear behind its request for TLS/s);
    const twice = await openTls(t, port);
    twice.write(tlsRequest);
    const [refusal] = (await once(twice, 'data')) as [Buffer];
    assert.match(refusal.toString('latin1'), /^E.*encryption within TLS/s);
  });

  it('a client that speaks no TLS of today is counted', async (t) => {
    const { url } = aurelays.require;
    const failures = async (): Promise<number> => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      const [, count] =
        /aurelay_tls_handshake_failures_total\{cluster="pg",endpoint="writer"\} (\d+)/.exec(metrics) ?? [];
      return Number(count);
    };
    const before = await failures();
    const socket = await open(t, aurelays.require.port('writer'));
    socket.write(tlsRequest);
    await once(socket, 'data');
    const old = tlsConnect({
      ...{ socket, ca: shown.certificate, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await once(old, 'error');
    await eventually('it is counted', async () => (await failures()) === before + 1);
  });
});
