import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { AdminFailure } from '../../src/admin/client.ts';
import type { EmbeddedCluster } from '../../src/demo/cluster.ts';
import { connect, enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { type AurelayProcess, spawnAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';
import { freePort } from '../support/servers.ts';

interface File {
  admin: Record<string, unknown>;
  log?: Record<string, unknown>;
  reload?: Record<string, unknown>;
  shutdown: Record<string, unknown>;
  clusters: Record<string, ClusterFile>;
}

interface ClusterFile {
  on_removed_instance?: string;
  monitor: Record<string, unknown>;
  health?: Record<string, unknown>;
  instances: Record<string, Record<string, unknown>>;
  endpoints: Record<string, Record<string, unknown>>;
}

const [engine] = (await enginesUnderTest()).filter(({ cluster }) => cluster === 'pg');
assert(engine !== undefined);

describe('a reload', { skip: engine.skip, timeout: 120_000 }, () => {
  const scope = scopeOf({ after });
  const [one, two, three] = [engine.id(1), engine.id(2), engine.id(3)];
  let cluster: EmbeddedCluster;
  let aurelay: AurelayProcess;
  let original: string;

  before(async () => {
    cluster = await engine.start(scope, { replicas: 2 });
    aurelay = await spawnAurelay(scope, { cluster, health: { interval: '100ms' } });
    original = await readFile(aurelay.file, 'utf8');
  });

  /** As an editor does: another file in the place of the old one. */
  const put = async (text: string): Promise<void> => {
    await writeFile(`${aurelay.file}.new`, text);
    await rename(`${aurelay.file}.new`, aurelay.file);
  };
  const edit = async (change: (pg: ClusterFile, file: File) => void): Promise<void> => {
    const file = parse(await readFile(aurelay.file, 'utf8')) as File;
    const pg = file.clusters.pg;
    assert(pg !== undefined);
    change(pg, file);
    await put(stringify(file));
  };
  const restore = async (): Promise<void> => {
    await put(original);
    await aurelay.admin.reload();
    await eventually('all instances are healthy', async () =>
      (await aurelay.status()).instances.every(({ health }) => health === 'healthy'),
    );
  };
  const refusal = (promise: Promise<unknown>): Promise<AdminFailure> =>
    promise.then(
      () => assert.fail('it was not refused'),
      (error: unknown) => {
        assert(error instanceof AdminFailure, String(error));
        return error;
      },
    );
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${aurelay.url}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.split(' ')[1]);
  };
  const reads = async (port: number): Promise<string> => {
    const client = await connect(engine, port);
    try {
      return await engine.whoAnswers(client);
    } finally {
      await client.close();
    }
  };
  /** A reader's session on `instance`. */
  const sessionOn = async (instance: string) => {
    for (;;) {
      const client = await connect(engine, aurelay.port('reader'));
      if ((await engine.whoAnswers(client)) === instance) return client;
      await client.close();
    }
  };

  it('removes and adds an instance; sessions go on, those of the removed one too', async () => {
    const writer = await connect(engine, aurelay.port('writer'));
    const stays = await sessionOn(two);
    const leaves = await sessionOn(three);
    await edit((pg) => delete pg.instances[three]);
    const { message } = await aurelay.admin.reload();
    assert.match(message, new RegExp(`instance ${three} removed`));
    assert.deepEqual(
      (await aurelay.status()).instances.map(({ id }) => id),
      [one, two],
    );
    assert.equal(await engine.whoAnswers(writer), one);
    assert.equal(await engine.whoAnswers(stays), two);
    assert.equal(await engine.whoAnswers(leaves), three);
    for (let turn = 0; turn < 4; turn += 1) assert.equal(await reads(aurelay.port('reader')), two);
    await restore();
    await eventually('the one that is back serves again', async () =>
      (await aurelay.members('reader')).includes(three),
    );
    assert.equal(await engine.whoAnswers(writer), one);
    assert.equal(await engine.whoAnswers(stays), two);
    for (const client of [writer, stays, leaves]) await client.close();
  });

  it('drains the sessions of a removed instance where that is configured, and nobody else’s', async () => {
    await edit((pg) => {
      pg.on_removed_instance = 'drain';
    });
    await aurelay.admin.reload();
    const stays = await sessionOn(two);
    const leaves = await sessionOn(three);
    await edit((pg) => delete pg.instances[three]);
    await aurelay.admin.reload();
    await eventually('its session is ended', () =>
      engine.whoAnswers(leaves).then(
        () => false,
        () => true,
      ),
    );
    assert.equal(await engine.whoAnswers(stays), two);
    await stays.close();
    await leaves.close().catch(() => {});
    await restore();
  });

  it('opens, moves, renames and closes endpoints; their sessions go on', async () => {
    const session = await connect(engine, aurelay.port('reader'));
    const [moved, added] = [await freePort(), await freePort()];
    await edit((pg) => {
      const { reader = {} } = pg.endpoints;
      pg.endpoints.reader = { ...reader, listen: `127.0.0.1:${moved}` };
      pg.endpoints.extra = { type: 'instance', instance: two, listen: `127.0.0.1:${added}` };
    });
    await aurelay.admin.reload();
    assert.equal(await reads(added), two);
    await reads(moved);
    await assert.rejects(reads(aurelay.port('reader')));
    // The socket stays where another endpoint takes the address over.
    await edit((pg) => {
      const { extra = {} } = pg.endpoints;
      delete pg.endpoints.extra;
      pg.endpoints.renamed = { ...extra, instance: three };
    });
    await aurelay.admin.reload();
    assert.equal(await reads(added), three);
    await engine.whoAnswers(session);
    await session.close();
    await restore();
    await assert.rejects(reads(added));
    await reads(aurelay.port('reader'));
  });

  it('changes nothing at all where one new address cannot be listened on', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as AddressInfo;
    await edit((pg) => {
      delete pg.instances[three];
      pg.endpoints.renamed = pg.endpoints.reader ?? {};
      delete pg.endpoints.reader;
      pg.endpoints.extra = { type: 'reader', listen: `127.0.0.1:${port}` };
    });
    const failure = await refusal(aurelay.admin.reload());
    blocker.close();
    assert.equal(failure.code, 'conflict');
    assert.match(failure.message, /endpoint "extra".*cannot listen/);
    const { instances, endpoints } = await aurelay.status();
    assert.equal(instances.length, 3);
    assert.deepEqual(endpoints.map(({ name }) => name).sort(), ['reader', 'writer']);
    await reads(aurelay.port('reader'));
    await restore();
  });

  it('refuses what would leave the writer behind, or takes a restart', async () => {
    await edit((pg) => delete pg.instances[one]);
    assert.match((await refusal(aurelay.admin.reload())).message, /is the writer, and cannot be removed/);
    await put(original);
    await edit((_, file) => {
      file.admin.listen = '127.0.0.1:1';
    });
    assert.match(
      (await refusal(aurelay.admin.reload())).message,
      /`admin.listen` cannot change without a restart/,
    );
    assert.equal(await metric('aurelay_config_last_reload_successful'), 0);
    await restore();
    assert.equal(await metric('aurelay_config_last_reload_successful'), 1);
  });

  it('says what is wrong with an invalid file, and changes nothing', async () => {
    const before = await aurelay.status();
    await put(original.replace('engine: postgres', 'engine: postgrse'));
    const failure = await refusal(aurelay.admin.reload());
    assert.equal(failure.code, 'invalid_config');
    assert.match(failure.message, /aurelay.yaml:\d+:\d+: .*postgrse/);
    const response = await fetch(`${aurelay.url}/api/v1/reload`, { method: 'POST' });
    assert.equal(response.status, 400);
    const body = (await response.json()) as { error: { diagnostics: { line: number }[] } };
    assert.ok((body.error.diagnostics[0]?.line ?? 0) > 0);
    await aurelay.untilEvent('config.rejected');
    const now = await aurelay.status();
    assert.deepEqual(
      now.instances.map(({ id, address }) => [id, address]),
      before.instances.map(({ id, address }) => [id, address]),
    );
    await restore();
  });

  it('new probes use the new login, and a wrong one costs no writer its office', async () => {
    const session = await connect(engine, aurelay.port('writer'));
    await edit((pg) => {
      pg.monitor = { user: 'nobody_knows_me' };
    });
    await aurelay.admin.reload();
    await eventually('the probes are refused', async () =>
      (await aurelay.status()).instances.some(({ last_failure }) => last_failure?.reason === 'denied'),
    );
    assert.equal(await engine.whoAnswers(session), one);
    assert.equal((await aurelay.status()).epoch, 1);
    await session.close();
    await restore();
  });

  it('a cluster comes and goes; the log level changes', async () => {
    const port = await freePort();
    await edit((pg, file) => {
      file.log = { level: 'debug' };
      file.clusters.second = {
        ...structuredClone(pg),
        failover: { mode: 'observe' },
        endpoints: { all: { type: 'writer', listen: `127.0.0.1:${port}` } },
      } as ClusterFile;
      // One server is in one cluster only.
      file.clusters.second.instances = { far: { address: '127.0.0.1:1' } };
    });
    await aurelay.admin.reload();
    assert.equal((await aurelay.admin.clusters()).length, 2);
    const client = await fetch(`${aurelay.url}/metrics`).then((response) => response.text());
    assert.match(client, /aurelay_cluster_has_writer\{cluster="second"\} 0/);
    await restore();
    assert.equal((await aurelay.admin.clusters()).length, 1);
    await assert.rejects(reads(port));
  });

  it('a storm of SIGHUPs is one reload after another, and no session notices', async () => {
    const session = await connect(engine, aurelay.port('reader'));
    const on = await engine.whoAnswers(session);
    for (let turn = 0; turn < 30; turn += 1) {
      await edit((pg) => {
        pg.health = { interval: turn % 2 === 0 ? '150ms' : '100ms' };
      });
      aurelay.kill('SIGHUP');
      if (turn % 5 === 0) await aurelay.admin.reload();
      assert.equal(await engine.whoAnswers(session), on);
    }
    await session.close();
    await restore();
    assert.equal((await aurelay.status()).phase, 'stable');
    assert.equal((await aurelay.status()).epoch, 1);
  });

  it('notices a change of the file when asked to', async () => {
    await edit((_, file) => {
      file.reload = { watch: true };
    });
    await aurelay.admin.reload();
    await edit((pg) => delete pg.instances[three]);
    await eventually('it was reloaded', async () => (await aurelay.status()).instances.length === 2);
    await restore();
  });
});
