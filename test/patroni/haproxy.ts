import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../src/demo/free-port.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { startBackground } from '../bench/background.ts';
import { findProgram } from '../bench/program.ts';
import type { Cleanup } from '../support/servers.ts';
import type { Node } from './patroni-cluster.ts';

/** HAProxy with the settings of Patroni's own documentation; its port, or null where it is not installed. */
export async function startHaproxy(t: Cleanup, nodes: readonly Node[]): Promise<number | null> {
  if (findProgram('haproxy') === null) return null;
  const port = await freePort();
  const servers = nodes.map(
    ({ name, port, restPort }) => `  server ${name} 127.0.0.1:${port} maxconn 100 check port ${restPort}`,
  );
  await run(t, port, [
    `global
  maxconn 100
defaults
  mode tcp
  retries 2
  timeout client 30m
  timeout connect 4s
  timeout server 30m
  timeout check 5s
listen postgres
  bind 127.0.0.1:${port}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions`,
    ...servers,
  ]);
  return port;
}

async function run(t: Cleanup, port: number, lines: readonly string[]): Promise<void> {
  const folder = await makeTempFolder();
  t.after(() => folder.remove());
  const file = join(folder.path, 'haproxy.cfg');
  await writeFile(file, `${lines.join('\n')}\n`);
  await startBackground(t, ['haproxy', '-db', '-f', file], port);
}
