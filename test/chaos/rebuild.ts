import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { copyTree } from '../../src/demo/copy-tree.ts';
import { moveSource } from '../../src/demo/mysql-replication.ts';
import { cloneReplicas } from '../../src/demo/postgres-clone.ts';
import { withPostgres } from '../../src/demo/postgres-query.ts';
import { removeFolder } from '../../src/demo/remove-folder.ts';
import { processesIn, signalProcess } from '../../src/demo/running-server.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { writeOwned } from '../../src/demo/write-owned.ts';
import type { Cleanup } from '../support/servers.ts';
import type { SmallDisk } from './small-disk.ts';

/** A server that replicas can be pointed at. */
export interface Source {
  readonly instance: EmbeddedInstance;
  /** Where replicas reach it. */
  readonly port: number;
}

/** Makes replicas by hand, as whoever runs the servers would. */
export interface Builder {
  /** Whatever the instance was: a fresh replica of `source`, running. `disk`: the one that its folder lies on. */
  rebuild(target: EmbeddedInstance, source: Source, disk: SmallDisk | null): Promise<void>;
  /** Points a running replica at `source`. */
  repoint(replica: EmbeddedInstance, source: Source): Promise<void>;
}

/** Every process of the server, the children of a killed postmaster included. */
export const serverProcesses = ({ directory }: EmbeddedInstance): number[] => [
  ...processesIn(directory),
  ...processesIn(join(directory, 'data')),
];

/** ER_SLAVE_MUST_STOP, ER_REPLICA_MUST_STOP. */
const replicationRuns = 1198;

async function end(target: EmbeddedInstance, disk: SmallDisk | null): Promise<void> {
  for (const pid of serverProcesses(target)) signalProcess(pid, 'SIGKILL');
  await target.stop();
  await disk?.takeOff();
}

async function begin(target: EmbeddedInstance, disk: SmallDisk | null): Promise<void> {
  await disk?.putOn();
  await target.start();
}

/** Taken from a cluster that has just been started. */
export const builderFor = (t: Cleanup, cluster: EmbeddedCluster): Promise<Builder> =>
  cluster.engine === 'postgres' ? postgresBuilder(cluster) : mysqlBuilder(t, cluster);

async function postgresBuilder({ version }: EmbeddedCluster): Promise<Builder> {
  return {
    async rebuild(target, { instance, port }, disk) {
      await end(target, disk);
      const { uid, gid } = await stat(target.directory);
      const settings = await readFile(join(target.directory, 'postgresql.conf'), 'utf8');
      const { id, directory } = target;
      const source = { directory: instance.directory, port };
      await cloneReplicas(source, [{ id, directory, settings }], Number.parseInt(version, 10), { uid, gid });
      await begin(target, disk);
    },
    repoint: (replica, { port }) =>
      withPostgres(replica.port, async (client) => {
        const conninfo = `host=127.0.0.1 port=${port} user=postgres application_name=${replica.id} connect_timeout=5`;
        await client.query(`ALTER SYSTEM SET primary_conninfo = '${conninfo}'`);
        await client.query('SELECT pg_reload_conf()');
      }),
  };
}

/** A replica as it was at the beginning becomes any later one: no binary log is ever purged. */
async function mysqlBuilder(t: Cleanup, { version, instances }: EmbeddedCluster): Promise<Builder> {
  const flavour = version.includes('MariaDB') ? 'mariadb' : 'mysql';
  const model = instances[1];
  if (model === undefined) throw new Error('a cluster without a replica cannot be rebuilt');
  const folder = await makeTempFolder();
  t.after(() => folder.remove());
  const template = join(folder.path, 'data');
  await model.stop();
  // The server's own identity must not be copied (MySQL manual, "Replication and auto.cnf").
  await copyTree(join(model.directory, 'data'), template, {
    owner: null,
    skip: (path) => path === 'auto.cnf',
  });
  await model.start();
  let rebuilt = 0;
  /** Aurelay may point it at the writer just then, and start it between our stop and our change. */
  const repoint = async (replica: EmbeddedInstance, source: Source, tries = 5): Promise<void> => {
    try {
      await moveSource(flavour, replica.port, source.port);
    } catch (error) {
      if ((error as { errno?: number }).errno !== replicationRuns || tries === 1) throw error;
      await repoint(replica, source, tries - 1);
    }
  };
  return {
    async rebuild(target, source, disk) {
      await end(target, disk);
      const data = join(target.directory, 'data');
      const { uid, gid } = await stat(target.directory);
      await removeFolder(data);
      await copyTree(template, data, { owner: { uid, gid } });
      const settings = join(target.directory, 'my.cnf');
      // It would pass over what it wrote itself under its old id.
      const serverId = 10_000 + rebuilt++;
      const text = await readFile(settings, 'utf8');
      await writeOwned(settings, text.replace(/^server_id=\d+$/m, `server_id=${serverId}`), { uid, gid });
      await begin(target, disk);
      await repoint(target, source);
    },
    repoint,
  };
}
