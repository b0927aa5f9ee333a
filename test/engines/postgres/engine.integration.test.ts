import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { instanceId } from '../../../src/base/brand.ts';
import type { Observation, ProbeFailure } from '../../../src/cluster/observation.ts';
import type { EmbeddedCluster, EmbeddedInstance } from '../../../src/demo/cluster.ts';
import { startPostgresCluster } from '../../../src/demo/postgres-cluster.ts';
import { OperationFailed, type Probe, type Target } from '../../../src/engines/engine.ts';
import { postgres } from '../../../src/engines/postgres/engine.ts';
import { parseWalPosition } from '../../../src/engines/postgres/position.ts';
import { plainClient } from '../../../src/tls/tls-client.ts';
import { defaultTls } from '../../support/default-tls.ts';

/** Generous, because nothing here is about speed. */
const patientMs = 20_000;

const targetOf = (instance: EmbeddedInstance, login: Partial<Target> = {}): Target => ({
  instance: instanceId(instance.id),
  address: { host: '127.0.0.1', port: instance.port },
  user: 'postgres',
  password: null,
  database: 'postgres',
  tls: defaultTls,
  ...login,
});

async function withClient<Value>(
  instance: EmbeddedInstance,
  use: (client: pg.Client) => Promise<Value>,
  login: pg.ClientConfig = {},
): Promise<Value> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: instance.port,
    user: 'postgres',
    database: 'postgres',
    ...login,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

const run = (instance: EmbeddedInstance, ...statements: string[]): Promise<void> =>
  withClient(instance, async (client) => {
    for (const statement of statements) await client.query(statement);
  });

async function until<Value>(what: string, attempt: () => Promise<Value | null>): Promise<Value> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const value = await attempt();
    if (value !== null) return value;
    assert.ok(Date.now() < deadline, `never came true: ${what}`);
    await sleep(50);
  }
}

async function observed(probe: Probe): Promise<Observation> {
  const result = await probe.probe(patientMs);
  assert.ok(result.kind === 'observed', JSON.stringify(result));
  return result.observation;
}

async function failed(probe: Probe, timeoutMs = patientMs): Promise<ProbeFailure> {
  const result = await probe.probe(timeoutMs);
  assert.ok(result.kind === 'failed', JSON.stringify(result));
  return result.failure;
}

/** One look through a probe of its own. */
async function look(instance: EmbeddedInstance, login: Partial<Target> = {}): Promise<Observation> {
  return withProbe(instance, observed, login);
}

async function withProbe<Value>(
  instance: EmbeddedInstance,
  use: (probe: Probe) => Promise<Value>,
  login: Partial<Target> = {},
): Promise<Value> {
  const probe = postgres.createProbe(targetOf(instance, login));
  try {
    return await use(probe);
  } finally {
    probe.close();
  }
}

const isStreaming = async (instance: EmbeddedInstance): Promise<true | null> =>
  (await look(instance)).replication?.streaming === true ? true : null;

describe('the PostgreSQL engine, with a writer and two replicas', { timeout: 300_000 }, () => {
  let directory: string;
  let cluster: EmbeddedCluster;
  let first: EmbeddedInstance;
  let second: EmbeddedInstance;
  let third: EmbeddedInstance;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'aurelay-engine-'));
    cluster = await startPostgresCluster({ directory, replicas: 2 });
    [first, second, third] = cluster.instances as unknown as [
      EmbeddedInstance,
      EmbeddedInstance,
      EmbeddedInstance,
    ];
    await run(first, 'CREATE TABLE note (id bigint GENERATED ALWAYS AS IDENTITY, text text)');
  });

  after(async () => {
    await cluster?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  describe('a probe', () => {
    it('sees a writer', async () => {
      const seen = await look(first);
      assert.equal(seen.role, 'writer');
      assert.equal(seen.writable, true);
      assert.equal(seen.timeline, 1);
      assert.equal(seen.lagSeconds, 0);
      assert.equal(seen.replication, null);
      assert.deepEqual(seen.acknowledgement, { count: 0, from: [], connected: 0, most: null });
      assert.match(seen.identity, /^\d{15,20}$/);
      assert.match(seen.version, /^PostgreSQL \d+(\.\d+)?$/);
      assert.ok((parseWalPosition(seen.position)?.lsn ?? 0n) > 0n, seen.position);
    });

    it('sees a replica of the same cluster, and whom it replicates from', async () => {
      const writer = await look(first);
      const seen = await look(second);
      assert.equal(seen.role, 'replica');
      assert.equal(seen.writable, false);
      assert.equal(seen.identity, writer.identity);
      assert.equal(seen.timeline, 1);
      assert.deepEqual(
        { ...seen.replication, heardSecondsAgo: null },
        {
          source: { host: '127.0.0.1', port: first.port },
          streaming: true,
          heardSecondsAgo: null,
          error: null,
          stopped: false,
          acknowledges: true,
        },
      );
      assert.ok((seen.replication?.heardSecondsAgo ?? 99) < 60);
    });

    it('sees a replica reach the position of the writer, with no lag', async () => {
      await run(first, "INSERT INTO note (text) VALUES ('hello')");
      const { position } = await look(first);
      await withProbe(second, (probe) =>
        until('the replica has all and replayed it', async () => {
          const seen = await observed(probe);
          const order = postgres.positions.compare(seen.position, position);
          return order !== 'behind' && seen.lagSeconds === 0 ? true : null;
        }),
      );
    });

    it('sees the lag of a replica that receives and does not replay', async () => {
      await withProbe(second, async (probe) => {
        await until('no lag', async () => ((await observed(probe)).lagSeconds === 0 ? true : null));
        await run(second, 'SELECT pg_wal_replay_pause()');
        await run(first, "INSERT INTO note (text) VALUES ('unseen')");
        const { position } = await look(first);
        const late = await until('a lag of half a second', async () => {
          const seen = await observed(probe);
          return (seen.lagSeconds ?? 0) > 0.5 ? seen : null;
        });
        assert.equal(late.replication?.streaming, true);
        assert.notEqual(postgres.positions.compare(late.position, position), 'behind');
        await run(second, 'SELECT pg_wal_replay_resume()');
        await until('no lag again', async () => ((await observed(probe)).lagSeconds === 0 ? true : null));
      });
    });

    it('keeps one connection from look to look', async () => {
      const connections = (client: pg.Client) =>
        client.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'aurelay-probe'");
      await withProbe(first, (probe) =>
        withClient(first, async (client) => {
          await observed(probe);
          const before = (await connections(client)).rows;
          for (let looks = 0; looks < 5; looks++) await observed(probe);
          assert.deepEqual((await connections(client)).rows, before);
        }),
      );
    });

    it('needs no more than pg_monitor, and does with less', async () => {
      await run(
        first,
        'CREATE ROLE watcher LOGIN',
        'GRANT pg_monitor TO watcher',
        'CREATE ROLE stranger LOGIN',
      );
      await until('the roles reach the replica', () => look(second, { user: 'stranger' }).catch(() => null));
      const asWatcher = await look(second, { user: 'watcher' });
      assert.ok((asWatcher.replication?.heardSecondsAgo ?? 99) < 60);
      const unheard = { heardSecondsAgo: null };
      assert.deepEqual(
        { ...asWatcher.replication, ...unheard },
        { ...(await look(second)).replication, ...unheard },
      );

      const asStranger = await look(second, { user: 'stranger' });
      assert.equal(asStranger.identity, asWatcher.identity);
      assert.deepEqual(asStranger.replication, {
        source: null,
        streaming: true,
        heardSecondsAgo: null,
        error: null,
        stopped: false,
        acknowledges: null,
      });
      const ofWriter = await look(first, { user: 'stranger' });
      assert.equal(ofWriter.role, 'writer');
      assert.equal(ofWriter.acknowledgement, null);
    });

    it('says at once when its idle connection is ended', async () => {
      await withProbe(first, async (probe) => {
        await observed(probe);
        const lost = new Promise<string>((resolve) => {
          probe.onLost = resolve;
        });
        await run(
          first,
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'aurelay-probe'",
        );
        assert.match(await lost, /57P01/);
        assert.equal((await observed(probe)).role, 'writer');
      });
    });
  });

  describe('a probe that fails', () => {
    it('denied: a password that is wrong or missing, a database that does not exist', async () => {
      await run(first, "CREATE ROLE guarded LOGIN PASSWORD 'the-right-one'");
      const hba = await withClient(
        first,
        async (client) => (await client.query<{ hba_file: string }>('SHOW hba_file')).rows[0]?.hba_file ?? '',
      );
      await withClient(first, async (client) => {
        await client.query('CREATE TABLE hba (line text)');
        await client.query(`COPY hba FROM PROGRAM 'cat ${hba}'`);
        await client.query(
          `COPY (SELECT 'host all guarded 127.0.0.1/32 scram-sha-256' UNION ALL SELECT line FROM hba) TO '${hba}'`,
        );
        await client.query('SELECT pg_reload_conf()');
      });
      await until('the password is asked for', async () => {
        const failure = await withProbe(
          first,
          async (probe) => {
            const result = await probe.probe(patientMs);
            return result.kind === 'failed' ? result.failure : null;
          },
          { user: 'guarded', password: 'a-wrong-one' },
        );
        if (failure === null) return null;
        assert.equal(failure.reason, 'denied');
        assert.match(failure.detail, /28P01/);
        assert.doesNotMatch(failure.detail, /wrong-one/);
        return true;
      });
      assert.equal((await look(first, { user: 'guarded', password: 'the-right-one' })).role, 'writer');
      process.env.PGPASSWORD = 'the-right-one';
      try {
        const failure = await withProbe(first, failed, { user: 'guarded', password: null });
        assert.equal(failure.reason, 'denied', 'a password of somebody else is not used');
      } finally {
        delete process.env.PGPASSWORD;
      }
      assert.equal((await withProbe(first, failed, { database: 'nowhere' })).reason, 'denied');
    });

    it('overloaded: a role at its limit of connections', async () => {
      await run(first, 'CREATE ROLE crowded LOGIN CONNECTION LIMIT 1');
      await withClient(
        first,
        async () => {
          const failure = await withProbe(first, failed, { user: 'crowded' });
          assert.equal(failure.reason, 'overloaded');
          assert.match(failure.detail, /53300/);
        },
        { user: 'crowded' },
      );
    });

    it('refused: nobody listens', async () => {
      const server = await listen(() => {});
      const target = { ...targetOf(first), address: server.address };
      await server.close();
      const probe = postgres.createProbe(target);
      assert.equal((await failed(probe)).reason, 'refused');
      probe.close();
    });

    it('unreachable: no such host', async () => {
      const probe = postgres.createProbe({
        ...targetOf(first),
        address: { host: 'no-such-host.invalid', port: 5432 },
      });
      assert.equal((await failed(probe)).reason, 'unreachable');
      probe.close();
    });

    const strangers: readonly (readonly [string, string | Uint8Array])[] = [
      ['an SSH server', 'SSH-2.0-OpenSSH_9.2\r\n'],
      ['a web server', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
      ['an error without an end', Uint8Array.of(0x45, 0, 0, 0, 7, 0x53, 0x46, 0x41)],
      [
        'an error of 2 GB',
        Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x45, 0x7f, 0xff, 0xff, 0xff, 0x53, 0x46),
      ],
      ['a MySQL greeting', Uint8Array.of(0x4e, 0, 0, 0, 0x0a, ...Buffer.from('8.0.36\0'), 1, 0, 0, 0)],
    ];
    for (const [what, bytes] of strangers) {
      it(`protocol: ${what}`, async () => {
        const server = await listen((socket) => socket.write(bytes));
        for (const tls of [plainClient, defaultTls]) {
          const probe = postgres.createProbe({ ...targetOf(first), tls, address: server.address });
          assert.equal((await failed(probe)).reason, 'protocol');
          probe.close();
        }
        await server.close();
      });
    }

    it('denied: a login method that the driver does not know', async () => {
      const server = await listen((socket) => socket.write(Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 7)));
      const probe = postgres.createProbe({ ...targetOf(first), tls: plainClient, address: server.address });
      assert.equal((await failed(probe)).reason, 'denied');
      probe.close();
      await server.close();
    });

    it('overloaded: a postmaster that cannot fork', async () => {
      const server = await listen((socket) => socket.end('Ecould not fork new process for connection\n\0'));
      const probe = postgres.createProbe({ ...targetOf(first), address: server.address });
      const failure = await failed(probe);
      assert.equal(failure.reason, 'overloaded');
      assert.match(failure.detail, /could not fork/);
      probe.close();
      await server.close();
    });

    it('reset: the other end hangs up', async () => {
      const server = await listen((socket) => socket.end());
      const probe = postgres.createProbe({ ...targetOf(first), address: server.address });
      assert.equal((await failed(probe)).reason, 'reset');
      probe.close();
      await server.close();
    });

    it('local-stall: this process slept through the deadline', async () => {
      const server = await listen(() => {});
      const probe = postgres.createProbe({ ...targetOf(first), address: server.address });
      const result = probe.probe(100);
      await sleep(20);
      block(400);
      const outcome = await result;
      assert.ok(outcome.kind === 'failed');
      assert.equal(outcome.failure.reason, 'local-stall');
      probe.close();
      await server.close();
    });

    it('takes an answer that came in time and was read late', async () => {
      await withProbe(first, async (probe) => {
        await observed(probe);
        const result = probe.probe(100);
        // Let the query out, then sleep past the deadline while the answer arrives.
        await new Promise((resolve) => setImmediate(resolve));
        block(400);
        assert.equal((await result).kind, 'observed');
      });
    });

    it('timeout: the postmaster and the backend of the probe are frozen', async () => {
      await withProbe(third, async (probe) => {
        await observed(probe);
        const backend = await withClient(third, async (client) => {
          const { rows } = await client.query<{ pid: number }>(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'aurelay-probe'",
          );
          return rows[0]?.pid;
        });
        assert.ok(backend !== undefined);
        third.kill('SIGSTOP');
        process.kill(backend, 'SIGSTOP');
        await sleep(50);
        try {
          assert.equal((await failed(probe, 300)).reason, 'timeout');
          assert.equal((await failed(probe, 300)).reason, 'timeout', 'on a new connection');
        } finally {
          process.kill(backend, 'SIGCONT');
          third.kill('SIGCONT');
        }
        assert.equal((await observed(probe)).role, 'replica');
      });
    });

    it('not-accepting: only the postmaster is frozen, so that the session of the probe answers', async () => {
      await withProbe(third, async (probe) => {
        await observed(probe);
        third.kill('SIGSTOP');
        try {
          const failure = await until('the probe notices', async () => {
            const result = await probe.probe(300);
            return result.kind === 'failed' ? result.failure : null;
          });
          assert.equal(failure.reason, 'not-accepting');
          assert.match(failure.detail, /let no new connection in/);
        } finally {
          third.kill('SIGCONT');
        }
        await until('the probe sees it well again', async () =>
          (await probe.probe(patientMs)).kind === 'observed' ? true : null,
        );
      });
    });

    it('reset, then refused: the postmaster is killed', async () => {
      await withProbe(third, async (probe) => {
        await observed(probe);
        const lost = new Promise<string>((resolve) => {
          probe.onLost = resolve;
        });
        third.kill('SIGKILL');
        assert.notEqual(await lost, '');
        assert.equal((await failed(probe)).reason, 'refused');
      });
      await until('its processes are gone', () =>
        third
          .start()
          .then(() => true)
          .catch(() => null),
      );
      await until('it streams again', () => isStreaming(third));
    });

    it('reset: the server dies under a running probe', async () => {
      // The answer is held up by a lock-free wait: a frozen backend that is then killed.
      await withProbe(third, async (probe) => {
        await observed(probe);
        const backend = await withClient(third, async (client) => {
          const { rows } = await client.query<{ pid: number }>(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'aurelay-probe'",
          );
          return rows[0]?.pid ?? 0;
        });
        process.kill(backend, 'SIGSTOP');
        await sleep(50);
        const result = probe.probe(patientMs);
        await sleep(100);
        process.kill(backend, 'SIGKILL');
        const outcome = await result;
        assert.ok(outcome.kind === 'failed');
        assert.equal(outcome.failure.reason, 'reset');
      });
      await until('it streams again', () => isStreaming(third).catch(() => null));
    });

    it('not-ready: the server shuts down, but waits for its clients', async () => {
      await withClient(third, async () => {
        // SIGTERM is the smart shutdown: nobody new is let in.
        third.kill('SIGTERM');
        const failure = await until('new connections are turned away', () =>
          withProbe(third, async (probe) => {
            const result = await probe.probe(patientMs);
            return result.kind === 'failed' ? result.failure : null;
          }),
        );
        assert.equal(failure.reason, 'not-ready');
        assert.match(failure.detail, /57P03/);
      });
      await until('it has stopped', async () => (third.pid() === null ? true : null));
      await third.start();
      await until('it streams again', () => isStreaming(third));
    });
  });

  describe('an operation', () => {
    it('fence: nobody writes any more, sessions end, replication and probes go on', async () => {
      await withProbe(first, (probe) =>
        withClient(first, async (client) => {
          await observed(probe);
          const ended = new Promise((resolve) => client.once('end', resolve));
          await client.query('BEGIN');
          await client.query("INSERT INTO note (text) VALUES ('never committed')");

          const position = await postgres.createOperations(targetOf(first)).fence(patientMs);
          await ended;
          const seen = await observed(probe);
          assert.equal(seen.role, 'replica');
          assert.equal(seen.writable, false);
          assert.equal(seen.replication, null);
          assert.notEqual(postgres.positions.compare(seen.position, position), 'behind');
          await assert.rejects(run(first, "INSERT INTO note (text) VALUES ('too late')"), {
            code: '25006',
          });
          assert.equal(await isStreaming(second), true);
          await until('the replica has all', async () =>
            postgres.positions.compare((await look(second)).position, position) === 'behind' ? null : true,
          );
          const again = await postgres.createOperations(targetOf(first)).fence(patientMs);
          assert.notEqual(postgres.positions.compare(again, position), 'behind');
        }),
      );
    });

    it('fence: does not report a last position while a session may still write', async () => {
      await withClient(first, async (client) => {
        const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        const backend = rows[0]?.pid ?? 0;
        process.kill(backend, 'SIGSTOP');
        await sleep(50);
        try {
          await assert.rejects(
            postgres.createOperations(targetOf(first)).fence(500),
            /not done within 500ms/,
          );
        } finally {
          process.kill(backend, 'SIGCONT');
        }
        await postgres.createOperations(targetOf(first)).fence(patientMs);
      });
    });

    it('unfence: the writer writes again', async () => {
      const operations = postgres.createOperations(targetOf(first));
      await operations.unfence(patientMs);
      await operations.unfence(patientMs);
      assert.equal((await look(first)).role, 'writer');
      await run(first, "INSERT INTO note (text) VALUES ('back again')");
    });

    it('promote: on a fenced writer it takes the fence back and reports the position', async () => {
      const operations = postgres.createOperations(targetOf(first));
      const fenced = await operations.fence(patientMs);
      const promoted = await operations.promote(patientMs, null);
      assert.notEqual(postgres.positions.compare(promoted, fenced), 'behind');
      assert.equal((await look(first)).role, 'writer');
    });

    it('follow: on a writer it fails and says what to do', async () => {
      await assert.rejects(
        postgres
          .createOperations(targetOf(first))
          .follow({ host: '127.0.0.1', port: second.port }, null, false, patientMs),
        (error: Error) => error instanceof OperationFailed && /pg_rewind/.test(error.message),
      );
    });

    it('says why it cannot, without the password', async () => {
      const operations = postgres.createOperations(
        targetOf(first, { user: 'guarded', password: 'no-such-secret' }),
      );
      await assert.rejects(
        operations.fence(patientMs),
        (error: Error) =>
          error instanceof OperationFailed &&
          /28P01/.test(error.message) &&
          error.message.includes(String(first.port)) &&
          !error.message.includes('no-such-secret'),
      );
      await assert.rejects(
        postgres.createOperations(targetOf(first, { user: 'watcher' })).fence(patientMs),
        /permission denied/,
      );
    });

    it('ends at its deadline', async () => {
      const server = await listen(() => {});
      const operations = postgres.createOperations({ ...targetOf(first), address: server.address });
      await assert.rejects(operations.promote(200, null), /not done within 200ms/);
      await server.close();
    });

    it('promote and follow: a replica takes over, the other one follows it', async () => {
      await run(first, "INSERT INTO note (text) VALUES ('the last of the first')");
      const { position: last } = await look(first);
      await until('both replicas have all', async () => {
        const orders = await Promise.all(
          [second, third].map(async (replica) =>
            postgres.positions.compare((await look(replica)).position, last),
          ),
        );
        return orders.includes('behind') ? null : true;
      });
      first.kill('SIGKILL');

      await withProbe(third, async (probe) => {
        await observed(probe);
        const promoted = await postgres.createOperations(targetOf(second)).promote(patientMs, null);
        const writer = await look(second);
        assert.equal(writer.role, 'writer');
        assert.equal(writer.timeline, 2);
        assert.equal(parseWalPosition(promoted)?.timeline, 2);
        assert.equal(postgres.positions.compare(promoted, last), 'ahead');
        assert.notEqual(postgres.positions.compare(writer.position, promoted), 'behind');
        const again = await postgres.createOperations(targetOf(second)).promote(patientMs, null);
        assert.notEqual(postgres.positions.compare(again, promoted), 'behind');

        const operations = postgres.createOperations(targetOf(third));
        const source = { host: '127.0.0.1', port: second.port };
        const login = { user: 'postgres', password: "a 'quoted' \\ secret" };
        await operations.follow(source, login, false, patientMs);
        await until('it streams from the new writer', async () => {
          const { replication, timeline } = await observed(probe);
          return replication?.streaming === true && replication.source?.port === second.port && timeline === 2
            ? true
            : null;
        });
        await operations.follow(source, null, false, patientMs);
        await withClient(third, async (client) => {
          const { rows } = await client.query<{ primary_conninfo: string }>('SHOW primary_conninfo');
          assert.match(
            rows[0]?.primary_conninfo ?? '',
            /application_name='pg-3'/,
            'the rest of it is as it was',
          );
        });

        await run(second, "INSERT INTO note (text) VALUES ('the first of the second')");
        await until('the new writer is read on the replica', () =>
          withClient(third, async (client) => {
            const { rows } = await client.query("SELECT 1 FROM note WHERE text = 'the first of the second'");
            return rows.length === 1 ? true : null;
          }),
        );

        // A replica keeps the timeline that it was seen on, though its source is gone and its control file is behind.
        await second.stop();
        const orphan = await until('its source is gone', async () => {
          const seen = await observed(probe);
          return seen.replication?.streaming === false ? seen : null;
        });
        assert.equal(orphan.timeline, 2);
        await withProbe(third, async (fresh) => {
          assert.equal((await observed(fresh)).timeline, 2, 'to a probe that did not see it before, too');
        });
        assert.deepEqual(orphan.replication?.source, source);
      });
    });
  });
});

/** Keeps the event loop from turning, as a busy process would. */
function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

interface Listening {
  readonly address: { readonly host: string; readonly port: number };
  close(): Promise<void>;
}

/** Something that is no PostgreSQL. */
async function listen(serve: (socket: import('node:net').Socket) => void): Promise<Listening> {
  const sockets = new Set<import('node:net').Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as import('node:net').AddressInfo;
  return {
    address: { host: '127.0.0.1', port },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
