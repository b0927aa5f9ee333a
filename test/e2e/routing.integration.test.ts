import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { ReadinessJson } from '../../src/admin/api.ts';
import type { EmbeddedCluster } from '../../src/demo/cluster.ts';
import type { Driver } from '../support/drivers.ts';
import { codeOf, connect, type EngineUnderTest, enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { type ProgramResult, programMissing, runProgram } from '../support/programs.ts';
import { type InProcessAurelay, launchAurelay, readyz, startAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';

/** Where each of `count` connections that are open at the same time landed: instance to number. */
async function landings(
  t: TestContext,
  engine: EngineUnderTest,
  port: number,
  count: number,
): Promise<Map<string, number>> {
  const clients = await Promise.all(Array.from({ length: count }, () => connect(engine, port)));
  t.after(async () => {
    await Promise.all(clients.map((client) => client.close()));
  });
  const landed = new Map<string, number>();
  for (const name of await Promise.all(clients.map((client) => engine.whoAnswers(client)))) {
    landed.set(name, (landed.get(name) ?? 0) + 1);
  }
  await Promise.all(clients.map((client) => client.close()));
  return landed;
}

/** What a person at `psql` or `mysql` sees. */
function commandLine(t: TestContext, engine: EngineUnderTest, port: number): Promise<ProgramResult> {
  const mysqlArgs = [
    '--no-defaults',
    '--protocol=TCP',
    '-h127.0.0.1',
    `-P${port}`,
    '-uroot',
    '-e',
    'SELECT 1',
  ];
  const psqlArgs = ['-X', '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-c', 'SELECT 1'];
  return engine.cluster === 'pg' ? runProgram(t, 'psql', psqlArgs) : runProgram(t, 'mysql', mysqlArgs);
}

/** The instances of `landings`, sorted. */
const landedOn = async (...args: Parameters<typeof landings>): Promise<string[]> =>
  [...(await landings(...args)).keys()].sort();

async function failureOf(driver: Driver, port: number): Promise<Error> {
  try {
    const client = await driver.connect({ port });
    await client.close();
  } catch (error) {
    return error as Error;
  }
  throw new Error(`${driver.name} was let in`);
}

for (const engine of await enginesUnderTest()) {
  describe(`${engine.name}: endpoints`, { skip: engine.skip, timeout: 120_000 }, () => {
    const scope = scopeOf({ after });
    const [one, two, three, four] = [engine.id(1), engine.id(2), engine.id(3), engine.id(4)];
    let cluster: EmbeddedCluster;
    let aurelay: InProcessAurelay;
    before(async () => {
      cluster = await engine.start(scope, { replicas: 2 });
      const quick = { slow_start: '0s' };
      aurelay = await startAurelay(scope, {
        cluster,
        instances: {
          [one]: { zone: 'a', weight: 1, tags: { size: 'large', disk: 'fast' } },
          [two]: { zone: 'a', weight: 3, tags: { size: 'large' } },
          [three]: { zone: 'b', weight: 1, tags: { size: 'small', disk: 'fast' } },
        },
        health: { interval: '200ms', timeout: '1s', fall: 3, rise: 2 },
        endpoints: {
          writer: { type: 'writer' },
          reader: { type: 'reader', ...quick },
          lonely: { type: 'reader', fallback: 'none', ...quick },
          robin: { type: 'reader', balance: 'round-robin', ...quick },
          random: { type: 'reader', balance: 'random', ...quick },
          weighted: { type: 'reader', balance: 'weighted', ...quick },
          nearby: { type: 'reader', prefer_zone: 'b', ...quick },
          listed: { type: 'custom', members: { static: [three] }, ...quick },
          unlisted: { type: 'custom', members: { excluded: [two] }, ...quick },
          tagged: { type: 'custom', members: { tags: { size: 'large' } }, roles: 'any', ...quick },
          both: { type: 'custom', members: { tags: { size: 'small', disk: 'fast' } }, ...quick },
          first: { type: 'instance', instance: one },
          second: { type: 'instance', instance: two },
          small: { type: 'instance', instance: three, max_sessions: 2 },
        },
      });
    });
    const port = (endpoint: string): number => aurelay.port(endpoint);

    for (const driver of engine.drivers) {
      it(`${driver.name} reaches the writer, and a replica, and writes on one only`, async (t) => {
        const [writer, reader] = await Promise.all([
          driver.connect({ port: port('writer') }),
          driver.connect({ port: port('reader') }),
        ]);
        t.after(async () => {
          await Promise.all([writer.close(), reader.close()]);
        });
        assert.equal(await engine.whoAnswers(writer), one);
        assert.notEqual(await engine.whoAnswers(reader), one);
        for (const sql of engine.createTable('visits')) await writer.query(sql);
        const table = engine.table('visits');
        await writer.query(`DELETE FROM ${table}`);
        await writer.query(`INSERT INTO ${table} VALUES (42)`);
        const read = await eventually('the row is read on a replica', async () => {
          const rows = await reader.query(`SELECT id FROM ${table}`).catch(() => []);
          return rows.length > 0 && rows;
        });
        assert.deepEqual(
          read.map(({ id }) => Number(id)),
          [42],
        );
        await assert.rejects(
          reader.query(`INSERT INTO ${table} VALUES (43)`),
          (error) => codeOf(engine, error) === engine.readOnly.code,
        );
      });
    }

    it('every connection to the writer endpoint lands on the writer', async (t) => {
      assert.deepEqual(await landedOn(t, engine, port('writer'), 10), [one]);
    });

    for (const endpoint of ['reader', 'robin', 'random']) {
      it(`40 connections to ${endpoint} land on both replicas, never on the writer`, async (t) => {
        const landed = await landings(t, engine, port(endpoint), 40);
        assert.deepEqual([...landed.keys()].sort(), [two, three]);
        // A fair coin shows one side fewer than 10 times in 40 now and then, and fewer than 4 times never.
        const least = endpoint === 'random' ? 4 : 10;
        for (const [name, count] of landed) assert.ok(count >= least, `${name} got ${count} of 40`);
      });
    }

    it('connections one after the other are spread too', async (t) => {
      const landed = new Set<string>();
      for (let turn = 0; turn < 12; turn++) {
        for (const name of await landedOn(t, engine, port('reader'), 1)) landed.add(name);
      }
      assert.deepEqual([...landed].sort(), [two, three]);
    });

    it('weights are shares', async (t) => {
      const landed = await landings(t, engine, port('weighted'), 40);
      assert.deepEqual([...landed.keys()].sort(), [two, three]);
      assert.ok((landed.get(two) ?? 0) > (landed.get(three) ?? 0), `${JSON.stringify([...landed])}`);
    });

    it('members of the preferred zone come first', async (t) => {
      assert.deepEqual(await landedOn(t, engine, port('nearby'), 6), [three]);
    });

    it('custom endpoints reach their members only', async (t) => {
      assert.deepEqual(await landedOn(t, engine, port('listed'), 6), [three]);
      assert.deepEqual(await landedOn(t, engine, port('unlisted'), 6), [three]);
      assert.deepEqual(await landedOn(t, engine, port('tagged'), 8), [one, two]);
      assert.deepEqual(await landedOn(t, engine, port('both'), 6), [three]);
    });

    it('instance endpoints reach one instance, whatever its role', async (t) => {
      assert.deepEqual(await landedOn(t, engine, port('first'), 4), [one]);
      assert.deepEqual(await landedOn(t, engine, port('second'), 4), [two]);
    });

    it('more sessions than max_sessions get an error, and those that are open go on', async (t) => {
      const open = await Promise.all([connect(engine, port('small')), connect(engine, port('small'))]);
      t.after(async () => {
        await Promise.all(open.map((client) => client.close()));
      });
      for (const driver of engine.drivers) {
        const error = await failureOf(driver, port('small'));
        assert.match(error.message, /endpoint "small" is at its limit of 2 sessions/);
        assert.equal(codeOf(engine, error), engine.cluster === 'pg' ? '53300' : 1040);
      }
      for (const client of open) assert.equal(await engine.whoAnswers(client), three);
      await Promise.all(open.map((client) => client.close()));
      await eventually('the place of a session that ended is free', () =>
        connect(engine, port('small')).then(
          async (client) => {
            await client.close();
            return true;
          },
          () => false,
        ),
      );
    });

    it('the status and the metrics say where the sessions are', async (t) => {
      const clients = await Promise.all(
        ['writer', 'listed', 'listed'].map((name) => connect(engine, port(name))),
      );
      t.after(async () => {
        await Promise.all(clients.map((client) => client.close()));
      });
      const { instances, endpoints, writer, phase, epoch } = await aurelay.status();
      assert.deepEqual({ writer, phase, epoch }, { writer: one, phase: 'stable', epoch: 1 });
      assert.deepEqual(
        instances.map(({ id, role, health }) => [id, role, health]),
        [
          [one, 'writer', 'healthy'],
          [two, 'replica', 'healthy'],
          [three, 'replica', 'healthy'],
        ],
      );
      assert.equal(endpoints.find(({ name }) => name === 'listed')?.sessions, 2);
      const metrics = await (await fetch(`${aurelay.url}/metrics`)).text();
      const at = (endpoint: string, instance: string): string =>
        `aurelay_sessions{cluster="${engine.cluster}",endpoint="${endpoint}",instance="${instance}"}`;
      assert.ok(metrics.includes(`${at('listed', three)} 2\n`), metrics);
      assert.ok(metrics.includes(`${at('writer', one)} 1\n`), metrics);
      await Promise.all(clients.map((client) => client.close()));
      await eventually('closed sessions count no more', async () => {
        const later = await (await fetch(`${aurelay.url}/metrics`)).text();
        return !later.includes(`${at('listed', three)} 2\n`);
      });
    });

    it('drain: no new connections, the open ones go on; undrain: takes connections again', async (t) => {
      const open = await connect(engine, port('second'));
      t.after(() => open.close());
      const answer = await aurelay.admin.drain(two, true);
      assert.match(answer.message, /takes no new connections/);
      assert.deepEqual(await landedOn(t, engine, port('reader'), 8), [three]);
      assert.equal(await engine.whoAnswers(open), two);
      await aurelay.admin.drain(two, false);
      assert.deepEqual(await landedOn(t, engine, port('reader'), 8), [two, three]);
    });

    it('with no replica left: fallback writer serves, fallback none and custom endpoints say why not', async (t) => {
      await Promise.all([two, three].map((id) => aurelay.admin.drain(id, true)));
      assert.deepEqual(await landedOn(t, engine, port('reader'), 4), [one]);
      for (const driver of engine.drivers) {
        for (const endpoint of ['lonely', 'listed']) {
          const error = await failureOf(driver, port(endpoint));
          assert.match(error.message, new RegExp(`endpoint "${endpoint}" of cluster .* has no member`));
          assert.match(error.message, /drained/);
          assert.equal(codeOf(engine, error), engine.unavailable.code);
          if (engine.cluster === 'pg') {
            assert.match((error as Error & { hint: string }).hint, /fallback: writer/);
            assert.equal((error as Error & { severity: string }).severity, 'FATAL');
          }
        }
      }
      await Promise.all([two, three].map((id) => aurelay.admin.drain(id, false)));
      assert.deepEqual(await landedOn(t, engine, port('lonely'), 4), [two, three]);
    });

    const program = engine.cluster === 'pg' ? 'psql' : 'mysql';
    it(`${program} shows what is wrong and what to do`, { skip: programMissing(program) }, async (t) => {
      await Promise.all([two, three].map((id) => aurelay.admin.drain(id, true)));
      t.after(() => Promise.all([two, three].map((id) => aurelay.admin.drain(id, false))));
      const { status, stderr } = await commandLine(t, engine, port('lonely'));
      assert.notEqual(status, 0);
      assert.match(stderr, /has no member that can serve/);
      assert.match(stderr, engine.cluster === 'pg' ? /FATAL: .*\nHINT: .*fallback/ : /1053/);
    });

    it('an instance that does not exist is refused by the API', async () => {
      await assert.rejects(aurelay.admin.drain(four, true, engine.cluster), /no instance/);
    });

    it('a replica that is killed is not noticed by new readers, and comes back when it does', async (t) => {
      const replica = cluster.instances[2];
      assert(replica !== undefined);
      replica.kill('SIGKILL');
      assert.deepEqual(await landedOn(t, engine, port('reader'), 8), [two]);
      const error = await failureOf(engine.drivers[0] as Driver, port('listed'));
      assert.match(error.message, /aurelay: /);
      await eventually(
        'it is a member no more',
        async () => !(await aurelay.members('reader')).includes(three),
      );
      await replica.start();
      await eventually('it is a member again', async () => (await aurelay.members('reader')).includes(three));
      const landed = await landings(t, engine, port('reader'), 8);
      assert.deepEqual([...landed.keys()].sort(), [two, three]);
      const { epoch, writer } = await aurelay.status();
      assert.deepEqual({ epoch, writer }, { epoch: 1, writer: one });
    });
  });
}

describe('one Aurelay in front of two clusters', { timeout: 120_000 }, async () => {
  const [postgres, mysql] = await enginesUnderTest();
  assert(postgres !== undefined && mysql !== undefined);

  it('is ready once each has a writer, and says why it is not', { skip: mysql.skip }, async (t) => {
    const scope = scopeOf(t);
    const [late, other] = await Promise.all([
      postgres.start(scope, { replicas: 0 }),
      mysql.start(scope, { replicas: 0 }),
    ]);
    await late.instances[0]?.stop();
    const aurelay = await launchAurelay(scope, { cluster: late }, { cluster: other });
    await eventually(
      'one cluster has its writer',
      async () => (await aurelay.status('mysql')).writer !== null,
    );
    const response = await fetch(`${aurelay.url}/readyz`);
    assert.equal(response.status, 503);
    const { clusters } = (await response.json()) as ReadinessJson;
    assert.equal(clusters.mysql?.ready, true);
    assert.match(clusters.pg?.reasons.join() ?? '', /no writer.*pg-1/);

    const waiting = connect(postgres, aurelay.port('writer', 'pg'));
    await eventually('a connection waits', async () => {
      const { endpoints } = await aurelay.status('pg');
      return endpoints.some(({ held }) => held === 1);
    });
    await late.instances[0]?.start();
    await eventually('it is ready', async () => (await readyz(aurelay.url)) === 200);
    const served = await waiting;
    assert.equal(await postgres.whoAnswers(served), 'pg-1');
    await served.close();
    // With no replica at all, the reader endpoint is the writer.
    assert.deepEqual(await landedOn(t, mysql, aurelay.port('reader', 'mysql'), 3), ['mysql-1']);
  });
});
