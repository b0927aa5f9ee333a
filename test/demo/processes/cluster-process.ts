/** A process with a cluster in it, for tests that end such a process, or have it throw by any input:
 * `ENGINE DIRECTORY REPLICAS`. */
import { startMysqlCluster } from '../../../src/demo/mysql-cluster.ts';
import { startPostgresCluster } from '../../../src/demo/postgres-cluster.ts';

const [engine, directory = '', replicas] = process.argv.slice(2);
const start = engine === 'mysql' ? startMysqlCluster : startPostgresCluster;
const onProgress = (line: string) => console.log(line);
const cluster = await start({ directory, replicas: Number(replicas), onProgress });
console.log(`ready ${JSON.stringify(cluster.instances.map((instance) => instance.pid()))}`);
process.stdin.on('data', () => {
  throw new Error('as asked');
});
process.stdin.once('end', async () => {
  await cluster.stop();
  process.exit();
});
