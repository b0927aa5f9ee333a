import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect as openConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { parseNetwork } from '../../src/base/network.ts';
import type { EmbeddedCluster } from '../../src/demo/cluster.ts';
import { mysqlMonitorUser } from '../../src/demo/mysql-settings.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { encodeHeader } from '../../src/proxy-protocol/encode.ts';
import { enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { programMissing } from '../support/programs.ts';
import { type InProcessAurelay, startAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';
import { type Cleanup, freePort } from '../support/servers.ts';

const endpoints = {
  writer: { type: 'writer' },
  behind: {
    type: 'writer',
    accept_proxy_protocol: ['127.0.0.0/8'],
    deny: ['192.0.2.66'],
    max_sessions_per_client: 2,
  },
};

const ipOf = (text: string) => parseNetwork(text)?.ip ?? new Uint8Array();

/** A connection as a proxy before Aurelay opens it for a client at `address`. */
function connectionFrom(address: string, port: number): Socket {
  const socket = openConnection({ host: '127.0.0.1', port });
  const source = { ip: ipOf(address), port: 40_000 };
  socket.write(
    encodeHeader('v2', { kind: 'proxied', source, destination: { ip: ipOf('10.0.0.1'), port: 3306 } }),
  );
  return socket;
}

const [postgres, ...mysqls] = await enginesUnderTest();

for (const engine of mysqls.filter(({ name }) => name === 'MariaDB')) {
  describe(`${engine.name}: the client's address`, { skip: engine.skip, timeout: 120_000 }, () => {
    const scope = scopeOf({ after });
    let cluster: EmbeddedCluster;
    const running = new Map<string, InProcessAurelay>();
    before(async () => {
      cluster = await engine.start(scope, { replicas: 0 });
      const admin = await mysql.createConnection({
        host: '127.0.0.1',
        port: cluster.instances[0]?.port ?? 0,
        user: mysqlMonitorUser,
      });
      await admin.query("SET GLOBAL proxy_protocol_networks = '127.0.0.0/8'");
      // Whoever the server takes to come from elsewhere needs an account for there.
      await admin.query("CREATE USER 'app'@'192.0.2.%' IDENTIFIED BY 'secret'");
      await admin.query("CREATE USER 'app'@'127.0.0.1' IDENTIFIED BY 'secret'");
      await admin.end();
      for (const version of ['v1', 'v2']) {
        const instances = { 'mysql-1': { send_proxy_protocol: version } };
        running.set(version, await startAurelay(scope, { cluster, instances, endpoints }));
      }
    });

    const logIn = async (t: TestContext, options: mysql.ConnectionOptions): Promise<mysql.Connection> => {
      const client = await mysql.createConnection({ user: 'app', password: 'secret', ...options });
      client.on('error', () => {});
      t.after(() => client.destroy());
      return client;
    };
    const hostOf = async (client: mysql.Connection): Promise<string> => {
      const [rows] = await client.query<mysql.RowDataPacket[]>(
        'SELECT USER() AS user, HOST AS host FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()',
      );
      return `${rows[0]?.user} ${rows[0]?.host}`;
    };

    for (const version of ['v1', 'v2']) {
      it(`reaches the server in ${version}: its own, or that of a header before it`, async (t) => {
        const aurelay = running.get(version);
        assert(aurelay !== undefined);
        const own = openConnection({ host: '127.0.0.1', port: aurelay.port('writer') });
        const direct = await logIn(t, { stream: own });
        assert.equal(await hostOf(direct), `app@127.0.0.1 127.0.0.1:${own.localPort}`);
        const behind = await logIn(t, { stream: connectionFrom('192.0.2.7', aurelay.port('behind')) });
        assert.equal(await hostOf(behind), 'app@192.0.2.7 192.0.2.7:40000');
      });
    }

    it('is not demanded by this server: whoever sends no header is served too', async (t) => {
      const port = cluster.instances[0]?.port ?? 0;
      assert.match(await hostOf(await logIn(t, { host: '127.0.0.1', port })), /^app@127\.0\.0\.1 /);
    });

    it('is what lists and limits go by', async (t) => {
      const port = running.get('v2')?.port('behind') ?? 0;
      const denied = logIn(t, { stream: connectionFrom('192.0.2.66', port) });
      await assert.rejects(denied, { errno: 1130 });
      for (let i = 0; i < 2; i++) await logIn(t, { stream: connectionFrom('192.0.2.8', port) });
      await assert.rejects(logIn(t, { stream: connectionFrom('192.0.2.8', port) }), { errno: 1203 });
      await logIn(t, { stream: connectionFrom('192.0.2.9', port) });
      const log = running.get('v2')?.log() ?? '';
      const place = /"event":"client\.refused".*"client\.address":"192\.0\.2\.66","client\.port":40000/;
      assert.match(log, new RegExp(`${place.source}.*"reason":"client_denied"`));
    });
  });
}

/** HAProxy, which listens as `from` says and passes on to `to`. */
async function startHaproxy(t: Cleanup, from: string, to: string): Promise<void> {
  const folder = await makeTempFolder();
  const file = join(folder.path, 'haproxy.cfg');
  const timeouts = 'timeout connect 5s\n  timeout client 1m\n  timeout server 1m';
  await writeFile(
    file,
    `defaults\n  mode tcp\n  ${timeouts}\nlisten one\n  bind ${from}\n  server one ${to}\n`,
  );
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' });
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await folder.remove();
  });
}

describe('PostgreSQL between two HAProxies', { skip: programMissing('haproxy'), timeout: 120_000 }, () => {
  const scope = scopeOf({ after });
  let aurelay: InProcessAurelay;
  let front = 0;
  let back = 0;
  before(async () => {
    assert(postgres !== undefined);
    const cluster = await postgres.start(scope, { replicas: 0 });
    const [server] = cluster.instances;
    assert(server !== undefined);
    [front, back] = [await freePort(), await freePort()];
    // It takes the header that PostgreSQL would not.
    await startHaproxy(scope, `127.0.0.1:${back} accept-proxy`, `127.0.0.1:${server.port}`);
    aurelay = await startAurelay(scope, {
      cluster: { ...cluster, instances: [{ ...server, port: back }] },
      instances: { [server.id]: { send_proxy_protocol: 'v2' } },
      endpoints: {
        writer: { type: 'writer' },
        behind: { type: 'writer', accept_proxy_protocol: ['127.0.0.2'], allow: ['127.0.0.1'] },
      },
    });
    const behind = `127.0.0.1:${aurelay.port('behind')} send-proxy-v2 source 127.0.0.2`;
    await startHaproxy(scope, `127.0.0.1:${front}`, behind);
  });

  it('is served, probed and cancelled with headers all the way', async (t) => {
    const client = await eventually('HAProxy is up', async () => {
      const one = new pg.Client({ host: '127.0.0.1', port: front, user: 'postgres', database: 'postgres' });
      one.on('error', () => {});
      return one.connect().then(
        () => one,
        () => false as const,
      );
    });
    t.after(() => client.end());
    const [row] = (await client.query('SELECT pg_backend_pid() AS pid')).rows as { pid: number }[];
    assert.ok((row?.pid ?? 0) > 0);
    const slow = client.query('SELECT pg_sleep(60)');
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    const request = Buffer.alloc(16);
    for (const [i, word] of [16, 80_877_102, processID, secretKey].entries())
      request.writeInt32BE(word, 4 * i);
    const refused = assert.rejects(slow, { code: '57014' });
    openConnection({ host: '127.0.0.1', port: front })
      .on('error', () => {})
      .end(request);
    await refused;
    const plain = new pg.Client({ host: '127.0.0.1', port: back, user: 'postgres', database: 'postgres' });
    plain.on('error', () => {});
    await assert.rejects(plain.connect(), 'without a header nobody gets there');
  });
});
