import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

const mark = 'AURELAY_OWN_MOUNTS';
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs this program again in a mount namespace of its own, and ends with it: what is mounted there is gone with its last
 * process, however that ends. Returns where it runs in one already, or where there can be none.
 */
export async function withOwnMounts(): Promise<void> {
  if (process.env[mark] !== undefined || process.getuid?.() !== 0) return;
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0) return;
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('unshare', ['--mount', ...self], {
    stdio: 'inherit',
    env: { ...process.env, [mark]: 'yes' },
  });
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  const [status] = (await once(child, 'exit')) as [number | null];
  process.exit(status ?? 1);
}
