import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import mysql from 'mysql2/promise';
import type { EmbeddedCluster } from '../../src/demo/cluster.ts';
import { makeWritable } from '../../src/demo/mysql-replication.ts';
import { mysqlMonitorUser } from '../../src/demo/mysql-settings.ts';
import { type Certificate, certificateMissing, makeCertificate } from '../support/certificate.ts';
import { filesOf } from '../support/certificate-files.ts';
import { mysqlDrivers } from '../support/drivers.ts';
import { enginesUnderTest } from '../support/engines-under-test.ts';
import { showCertificate } from '../support/mysql-certificate.ts';
import { programMissing, runProgram } from '../support/programs.ts';
import { type InProcessAurelay, startAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';

const password = 'a "secret" with spaces';
const cipherQuery = "SHOW STATUS LIKE 'Ssl_cipher'";

/** Real servers with a certificate of their own, behind Aurelays that end their clients' TLS with another one. */
for (const engine of (await enginesUnderTest()).filter(({ cluster }) => cluster === 'mysql')) {
  const skip = engine.skip || certificateMissing();
  describe(`${engine.name}: TLS that ends at the endpoint`, { skip, timeout: 180_000 }, () => {
    const scope = scopeOf({ after });
    let cluster: EmbeddedCluster;
    let shown: Certificate;
    let serversOwn: Certificate;
    /** By `server_tls.mode`. */
    let aurelays: Record<'require' | 'prefer' | 'disable', InProcessAurelay>;
    /** MySQL's default login method sends the password in clear within TLS, so it needs TLS up to the server. */
    const modes =
      engine.name === 'MySQL'
        ? (['require', 'prefer'] as const)
        : (['require', 'prefer', 'disable'] as const);

    before(async () => {
      cluster = await engine.start(scope, { replicas: 0 });
      [shown, serversOwn] = await Promise.all([makeCertificate(scope), makeCertificate(scope)]);
      const [instance] = cluster.instances;
      assert(instance !== undefined);
      await showCertificate(instance, serversOwn);
      await makeWritable(engine.name === 'MariaDB' ? 'mariadb' : 'mysql', instance.port);
      const admin = await mysql.createConnection({
        ...{ host: '127.0.0.1', port: instance.port, user: mysqlMonitorUser },
      });
      await admin.query(`CREATE USER 'guarded'@'127.0.0.1' IDENTIFIED BY '${password}'`);
      await admin.end();

      const ours = await filesOf(scope, shown);
      const strict = { writer: { type: 'writer', tls: { mode: 'terminate', ...ours } } };
      const lax = { lax: { type: 'writer', tls: { mode: 'terminate', ...ours, required: false } } };
      const start = (mode: string, endpoints: Record<string, object>) =>
        startAurelay(scope, { cluster, endpoints, failover: { mode: 'observe' }, serverTls: { mode } });
      aurelays = {
        require: await start('require', strict),
        prefer: await start('prefer', { ...strict, ...lax }),
        disable: await start('disable', { ...strict, ...lax }),
      };
    });

    for (const driver of mysqlDrivers) {
      for (const mode of modes) {
        it(`${driver.name}, server_tls ${mode}: logs in with its password, and hears the server's own refusals`, async (t) => {
          const port = aurelays[mode].port('writer');
          const login = { port, user: 'guarded', ca: shown.certificate };
          // MySQL caches a user after its first login, which changes the exchange.
          for (const turn of ['first', 'second']) {
            const client = await driver.connect({ ...login, password });
            t.after(() => client.close());
            const [row] = await client.query(cipherQuery);
            assert.equal(row?.Value !== '', mode !== 'disable', `${turn}: TLS to the server`);
            await client.close();
          }
          await assert.rejects(driver.connect({ ...login, password: 'wrong' }), { errno: 1045 });
          await assert.rejects(
            driver.connect({ ...login, password, ca: serversOwn.certificate }),
            /self.signed certificate/,
          );
        });
      }

      it(`${driver.name}: a client without TLS is told so, or let in where that is allowed`, async (t) => {
        await assert.rejects(
          driver.connect({ port: aurelays.require.port('writer'), user: 'guarded', password }),
          {
            errno: 3159,
            message: /aurelay: endpoint "writer" of cluster "mysql" takes connections with TLS only/,
          },
        );
        for (const mode of ['prefer', 'disable'] as const) {
          const client = await driver.connect({
            ...{ port: aurelays[mode].port('lax'), user: 'guarded', password },
          });
          t.after(() => client.close());
          assert.equal((await client.query(cipherQuery))[0]?.Value, '', 'no TLS to the server either');
        }
      });

      it(`${driver.name}: carries a big result whole`, async (t) => {
        for (const mode of modes) {
          const client = await driver.connect({
            ...{ port: aurelays[mode].port('writer'), user: 'root', ca: shown.certificate },
          });
          t.after(() => client.close());
          const rows = await client.query(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000) SELECT REPEAT('x', 20000) AS x FROM n",
          );
          assert.equal(rows.length, 1000);
          assert.ok(rows.every(({ x }) => String(x).length === 20_000));
        }
      });
    }

    it('the command-line client logs in', { skip: programMissing('mysql') }, async (t) => {
      for (const mode of modes) {
        const { status, stdout, stderr } = await commandLine(t, aurelays[mode].port('writer'), cipherQuery);
        assert.equal(status, 0, stderr);
        assert.equal(/Ssl_cipher\t\S+/.test(stdout), mode !== 'disable', stdout);
      }
    });

    if (engine.name === 'MySQL') {
      it('a password is never sent in clear to a server without TLS', async () => {
        const port = aurelays.disable.port('writer');
        for (const driver of mysqlDrivers) {
          const login = { port, user: 'guarded', password, ca: shown.certificate };
          await assert.rejects(driver.connect(login), {
            errno: 1251,
            message: /caching_sha2_password would send the password in clear to server "mysql-1"/,
          });
        }
      });
    }

    const commandLine = (t: TestContext, port: number, sql: string) =>
      runProgram(
        t,
        (engine.name === 'MySQL' ? process.env.AURELAY_TEST_MYSQL_CLIENT : undefined) ?? 'mysql',
        [
          ...['--no-defaults', '--host=127.0.0.1', `--port=${port}`, '--user=guarded', '-N', '-e', sql],
          ...(engine.name === 'MySQL' ? ['--ssl-mode=REQUIRED'] : ['--ssl']),
        ],
        { env: { MYSQL_PWD: password } },
      );
  });
}
