import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import mysql from 'mysql2/promise';
import { instanceId } from '../../../src/base/brand.ts';
import { mysqlMonitorUser } from '../../../src/demo/mysql-settings.ts';
import { type KillCommand, OperationFailed } from '../../../src/engines/engine.ts';
import { MysqlKiller } from '../../../src/engines/mysql/killer.ts';
import { plainClient } from '../../../src/tls/tls-client.ts';
import { enginesUnderTest } from '../../support/engines-under-test.ts';
import { scopeOf } from '../../support/scope.ts';

const host = '127.0.0.1';
const timeoutMs = 20_000;

/** What docs/servers.md asks for; and the same without the right to end sessions. */
const grants = {
  MariaDB: { all: 'PROCESS, CONNECTION ADMIN ON *.*', half: 'PROCESS ON *.*' },
  MySQL: { all: 'SELECT ON performance_schema.*', half: 'SELECT ON performance_schema.*' },
};

for (const engine of (await enginesUnderTest()).filter(({ cluster }) => cluster === 'mysql')) {
  describe(`${engine.name}: a KILL by the monitor user`, { skip: engine.skip, timeout: 120_000 }, () => {
    const scope = scopeOf({ after });
    let port = 0;
    let victim: mysql.Connection;
    before(async () => {
      port = (await engine.start(scope, { replicas: 0 })).instances[0]?.port ?? 0;
      const admin = await open(mysqlMonitorUser, '');
      const { all, half } = grants[engine.name === 'MariaDB' ? 'MariaDB' : 'MySQL'];
      for (const user of ['app', 'full', 'weak', 'blind']) {
        await admin.query(`CREATE USER ${user}@'%' IDENTIFIED BY 'secret'`);
      }
      await admin.query(`GRANT ${all} TO full@'%'`);
      if (engine.name === 'MySQL') await admin.query("GRANT CONNECTION_ADMIN ON *.* TO full@'%'");
      await admin.query(`GRANT ${half} TO weak@'%'`);
      victim = await open('app', 'secret');
    });

    async function open(user: string, password: string): Promise<mysql.Connection> {
      const client = await mysql.createConnection({ host, port, user, password });
      client.on('error', () => {});
      scope.after(async () => client.destroy());
      return client;
    }
    const killer = (user: string): MysqlKiller =>
      new MysqlKiller({
        ...{ instance: instanceId('mysql-1'), address: { host, port } },
        ...{ user, password: 'secret', database: '', tls: plainClient },
      });
    const order = (): KillCommand => ({ session: victim.threadId ?? 0, scope: 'connection', force: null });

    it('knows who is logged in, and nobody where nobody is', async () => {
      const { session } = order();
      assert.equal(await killer('full').userOf(session, timeoutMs), 'app');
      assert.equal(await killer('full').userOf(session + 1_000_000, timeoutMs), null);
    });

    it('is refused where it may not, with what to do', async () => {
      await assert.rejects(killer('weak').kill(order(), 'app', timeoutMs), (error: Error) => {
        return error instanceof OperationFailed && /grant CONNECTION ADMIN/.test(error.message);
      });
      const blind = await killer('blind')
        .userOf(order().session, timeoutMs)
        .catch((error: Error) => error);
      assert.ok(blind === null || blind instanceof OperationFailed);
    });

    it('ends the session of the user who asks, and no other', async () => {
      assert.equal(await killer('full').kill(order(), 'other', timeoutMs), 'not-owner');
      await victim.query('SELECT 1');
      const ahead = { ...order(), session: order().session + 1_000_000 };
      assert.equal(await killer('full').kill(ahead, 'app', timeoutMs), 'unknown');
      assert.equal(await killer('full').kill(order(), 'app', timeoutMs), 'done');
      await assert.rejects(victim.query('SELECT 1'));
      assert.equal(await killer('full').kill(order(), 'app', timeoutMs), 'unknown');
    });
  });
}
