import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceId } from '../../src/base/brand.ts';
import type { EmbeddedInstance } from '../../src/demo/cluster.ts';
import { mysqlMonitorUser, mysqlReplicationUser } from '../../src/demo/mysql-settings.ts';
import type { Engine, Target } from '../../src/engines/engine.ts';
import { engines } from '../../src/engines/engines.ts';
import { defaultTls } from '../support/default-tls.ts';
import type { SqlClient } from '../support/drivers.ts';
import { type EngineUnderTest, enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { scopeOf } from '../support/scope.ts';
import { documentedStatements } from './documented-statements.ts';

/** Generous, because nothing here is about speed. */
const patientMs = 20_000;
/** What is refused for want of a privilege is refused at once; what waits for one that never comes need not wait long. */
const impatientMs = 3_000;
const password = 'm0nitor';

/** One privilege of the documented user, and how it is taken and given. */
interface Grant {
  readonly name: string;
  readonly give: string;
  readonly take: string;
}

/** The documented grants one by one: `GRANT a, b ON x TO y` is two. */
function grantsIn(statements: readonly string[]): readonly Grant[] {
  return statements.flatMap((statement): readonly Grant[] => {
    const [, what = '', who] = /^GRANT (.*) TO (\S+)$/.exec(statement) ?? [];
    if (who === undefined) return [];
    const [, verb, object] = /^(.*) ON (.*)$/.exec(what) ?? [];
    const functions = /^(EXECUTE) ON FUNCTION (.*)$/.exec(what);
    const parameters = /^(ALTER SYSTEM) ON PARAMETER (.*)$/.exec(what);
    const each = (list: string, form: (one: string) => string): readonly Grant[] =>
      list.split(/,\s*(?![^(]*\))/).map((one) => ({
        name: one,
        give: `GRANT ${form(one)} TO ${who}`,
        take: `REVOKE ${form(one)} FROM ${who}`,
      }));
    if (functions !== null) return each(functions[2] ?? '', (one) => `EXECUTE ON FUNCTION ${one}`);
    if (parameters !== null) return each(parameters[2] ?? '', (one) => `ALTER SYSTEM ON PARAMETER ${one}`);
    if (object !== undefined) return each(verb ?? '', (one) => `${one} ON ${object}`);
    return each(what, (one) => one);
  });
}

/**
 * Shown where every ordinary slot is taken (`reserved-slot.integration.test.ts`), and where a replica is idle
 * (`mysql/engine.integration.test.ts`).
 */
const shownElsewhere = new Set(['pg_use_reserved_connections', 'SELECT']);

/** All that `mode: observe` asks for. */
const toObserve = new Set(['pg_monitor', 'REPLICATION CLIENT', 'SLAVE MONITOR']);

/** The cluster, seen by somebody who may do everything. */
class Ground {
  readonly #of: EngineUnderTest;
  readonly #engine: Engine;
  readonly #instances: readonly [EmbeddedInstance, EmbeddedInstance];
  #writer = 0;

  constructor(of: EngineUnderTest, instances: readonly EmbeddedInstance[]) {
    this.#of = of;
    this.#engine = engines[of.cluster === 'pg' ? 'postgres' : 'mysql'];
    this.#instances = instances as [EmbeddedInstance, EmbeddedInstance];
  }

  get writer(): EmbeddedInstance {
    return this.#instances[this.#writer as 0 | 1];
  }

  get replica(): EmbeddedInstance {
    return this.#instances[(1 - this.#writer) as 0 | 1];
  }

  async run(...statements: readonly string[]): Promise<void> {
    const client = await this.#asRoot(this.writer);
    for (const statement of statements) await client.query(statement);
    await client.close();
    await this.#untilReplicated();
  }

  #asRoot({ port }: EmbeddedInstance): Promise<SqlClient> {
    const [driver] = this.#of.drivers;
    assert.ok(driver !== undefined);
    return driver.connect({ port, user: this.root.user });
  }

  /** A table is the last thing that was written. */
  async #untilReplicated(): Promise<void> {
    const name = `mark_${this.#marks}`;
    this.#marks += 1;
    const client = await this.#asRoot(this.writer);
    for (const statement of this.#of.createTable(name)) await client.query(statement);
    await client.close();
    const replica = await this.#asRoot(this.replica);
    await eventually('the replica has it', () =>
      replica.query(`SELECT 1 FROM ${this.#of.table(name)}`).then(
        () => true,
        () => false,
      ),
    );
    await replica.close();
  }
  #marks = 0;

  #target(instance: EmbeddedInstance, login: { user: string; password: string | null }): Target {
    const address = { host: '127.0.0.1', port: instance.port };
    return {
      ...{ instance: instanceId(instance.id), address, tls: defaultTls, database: 'postgres' },
      ...login,
    };
  }

  operations(instance: EmbeddedInstance, login: { user: string; password: string | null } = monitor) {
    return this.#engine.createOperations(this.#target(instance, login));
  }

  probe(instance: EmbeddedInstance) {
    return this.#engine.createProbe(this.#target(instance, monitor));
  }

  get replication() {
    return this.#of.cluster === 'pg' ? null : { user: mysqlReplicationUser, password: null };
  }

  get root() {
    return { user: this.#of.cluster === 'pg' ? 'postgres' : mysqlMonitorUser, password: null };
  }

  address(instance: EmbeddedInstance) {
    return { host: '127.0.0.1', port: instance.port };
  }

  async mend(): Promise<void> {
    const writer = this.operations(this.writer, this.root);
    await writer.requireQuorum({ count: 0, from: [] }, patientMs);
    await writer.unfence(patientMs);
    await this.operations(this.replica, this.root).follow(
      this.address(this.writer),
      this.replication,
      true,
      patientMs,
    );
  }

  swap(): void {
    this.#writer = 1 - this.#writer;
  }
}

const monitor = { user: 'aurelay_monitor', password };

/** Everything that Aurelay does to servers, as the documented user. Throws where something is refused or not seen. */
async function tour(ground: Ground, of: EngineUnderTest, timeoutMs: number): Promise<void> {
  const { writer, replica } = ground;
  const [onWriter, onReplica] = [ground.operations(writer), ground.operations(replica)];
  await onReplica.seal(timeoutMs);
  await onReplica.follow(ground.address(writer), ground.replication, true, timeoutMs);
  await look(ground, timeoutMs);
  await onWriter.requireQuorum({ count: 1, from: [instanceId(replica.id)] }, timeoutMs);
  await onWriter.requireQuorum({ count: 0, from: [] }, timeoutMs);
  const application = await asApplication(of, writer.port);
  await onWriter.fence(timeoutMs);
  await Promise.race([application.ended, late(timeoutMs, 'the session of the application goes on')]);
  await onWriter.unfence(timeoutMs);
}

async function handOver(ground: Ground, timeoutMs: number): Promise<void> {
  const { writer, replica } = ground;
  await ground.operations(writer).fence(timeoutMs);
  await ground.operations(replica).promote(timeoutMs, null);
  if (ground.replication === null) return;
  await ground.operations(writer).follow(ground.address(replica), ground.replication, true, timeoutMs);
  ground.swap();
}

/** Both sides, with all that decisions are made of. */
async function look(ground: Ground, timeoutMs: number): Promise<void> {
  const seen = async (instance: EmbeddedInstance) => {
    const probe = ground.probe(instance);
    try {
      const result = await probe.probe(timeoutMs);
      assert.ok(result.kind === 'observed', JSON.stringify(result));
      return result.observation;
    } finally {
      probe.close();
    }
  };
  const what = `${ground.replica.id} replicates, and ${ground.writer.id} counts it`;
  await eventually(
    what,
    async () => {
      const [writer, replica] = [await seen(ground.writer), await seen(ground.replica)];
      const counted = writer.acknowledgement !== null;
      return writer.role === 'writer' && counted && replica.replication?.streaming === true;
    },
    timeoutMs,
  );
}

async function asApplication(of: EngineUnderTest, port: number): Promise<SqlClient> {
  const [driver] = of.drivers;
  assert.ok(driver !== undefined);
  return driver.connect({ port, user: 'application', password: 'application' });
}

const late = (ms: number, what: string): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(new Error(what)), ms).unref());

const firstLine = (error: unknown): string => String(error).split('\n')[0] ?? '';

for (const of of await enginesUnderTest()) {
  const isPostgres = of.cluster === 'pg';
  const name = `${of.name}: the documented user can do all that Aurelay does, and needs each of its grants`;
  test(name, { skip: of.skip, timeout: 240_000 }, async (t) => {
    const scope = scopeOf(t);
    const cluster = await of.start(scope, { replicas: 1 });
    const ground = new Ground(of, cluster.instances);
    const documented = await documentedStatements(isPostgres ? 'PostgreSQL' : of.name, password);
    const statements = documented.map((statement) => statement.replaceAll(/\baurelay\b/g, monitor.user));
    await ground.run(
      ...statements,
      isPostgres
        ? "CREATE ROLE application LOGIN PASSWORD 'application'"
        : "CREATE USER application@'%' IDENTIFIED BY 'application'",
    );
    await tour(ground, of, patientMs);
    const grants = grantsIn(statements);
    const more = grants.filter((grant) => !toObserve.has(grant.name));
    assert.equal(grants.length - more.length, 1, 'one grant is for `mode: observe`');
    await ground.run(...more.map(({ take }) => take));
    await look(ground, patientMs);
    await assert.rejects(tour(ground, of, impatientMs), 'and it is for nothing else');
    await ground.run(...more.map(({ give }) => give));
    await ground.mend();
    const needless: string[] = [];
    for (const grant of grants) {
      if (shownElsewhere.has(grant.name)) continue;
      await ground.run(grant.take);
      const refusal = await tour(ground, of, impatientMs)
        .then(() => handOver(ground, impatientMs))
        .then(
          () => null,
          (error: unknown) => error,
        );
      if (refusal === null) needless.push(grant.name);
      else t.diagnostic(`without ${grant.name}: ${firstLine(refusal)}`);
      await ground.mend();
      await ground.run(grant.give);
    }
    assert.deepEqual(needless, [], 'grants without which everything works all the same');
    await tour(ground, of, patientMs);
    await handOver(ground, patientMs);
  });
}
