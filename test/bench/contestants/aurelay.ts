import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { freePort } from '../../../src/demo/free-port.ts';
import { mysqlMonitorUser } from '../../../src/demo/mysql-settings.ts';
import { readyz } from '../../support/running-aurelay.ts';
import type { Cleanup } from '../../support/servers.ts';
import { startBackground } from '../background.ts';
import type { Contestant, ServerPorts } from '../contestant.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const monitors = { postgres: 'postgres', mysql: mysqlMonitorUser, idle: 'postgres' } as const;

/** Aurelay as its users run it, compiled, in a process of its own, with the relay that `AURELAY_RELAY` names. */
export async function aurelay(
  t: Cleanup,
  servers: ServerPorts,
  folder: string,
  relay: 'native' | 'stream',
): Promise<Contestant> {
  const own = mkdtempSync(join(folder, `aurelay-${relay}-`));
  mkdirSync(join(own, 'state'));
  const admin = await freePort();
  const ports: Record<string, number> = {};
  const clusters: Record<string, object> = {};
  for (const [name, server] of Object.entries(servers) as [keyof ServerPorts, number | null][]) {
    if (server === null) continue;
    const port = await freePort();
    ports[name] = port;
    clusters[name] = {
      engine: name === 'mysql' ? 'mysql' : 'postgres',
      monitor: { user: monitors[name] },
      failover: { mode: 'observe' },
      instances: { one: { address: `127.0.0.1:${server}` } },
      endpoints: { writer: { type: 'writer', listen: `127.0.0.1:${port}`, max_sessions: 20_000 } },
    };
  }
  const file = join(own, 'aurelay.yaml');
  writeFileSync(
    file,
    stringify({
      admin: { listen: `127.0.0.1:${admin}` },
      state_dir: join(own, 'state'),
      log: { level: 'warn' },
      clusters,
    }),
  );
  const command = [process.execPath, join(root, 'dist/cli.js'), 'start', '-c', file];
  const { pid } = await startBackground(t, command, admin, { cwd: root, env: { AURELAY_RELAY: relay } });
  const adminUrl = `http://127.0.0.1:${admin}`;
  const deadline = Date.now() + 20_000;
  while ((await readyz(adminUrl)) !== 200) {
    if (Date.now() > deadline) throw new Error('Aurelay is not ready after 20 s');
    await sleep(100);
  }
  const startAnother = (other: Cleanup) => aurelay(other, servers, folder, relay);
  return { name: `Aurelay, ${relay}`, ports, pid, adminUrl, startAnother };
}
