import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../src/demo/free-port.ts';
import { openScope } from '../../support/scope.ts';
import type { Cleanup } from '../../support/servers.ts';
import { startBackground } from '../background.ts';
import type { Load, Measure } from '../measure.ts';
import { pgbench } from '../pgbench.ts';
import { direct, percentile } from '../summary.ts';

const pauseMs = 10;

/** Asks again and again, and returns how long each answer took, in milliseconds, ascending. */
async function delaysWhile(isBusy: () => boolean, url: string): Promise<number[]> {
  const delays: number[] = [];
  // The first call opens a connection that the others use again.
  await fetch(url).then((response) => response.text());
  await sleep(500);
  while (isBusy()) {
    const begin = performance.now();
    await fetch(url).then((response) => response.text());
    delays.push(performance.now() - begin);
    await sleep(pauseMs);
  }
  return delays.sort((a, b) => a - b);
}

const load: Load = {
  name: 'GET /livez beside 64 busy clients',
  engine: 'postgres',
  suits: ({ name, adminUrl, ports }) =>
    (name === direct || adminUrl !== null) && ports.postgres !== undefined,
  async run({ adminUrl, ports }, { seconds, folder }) {
    const { scope, end } = openScope();
    try {
      const url = adminUrl === null ? await bareServer(scope) : `${adminUrl}/livez`;
      let busy = true;
      const asking = delaysWhile(() => busy, url);
      await pgbench({
        port: ports.postgres ?? 0,
        mode: 'prepared',
        clients: 64,
        seconds: Math.max(seconds, 3),
        folder,
      }).finally(() => {
        busy = false;
      });
      const delays = await asking;
      return [
        { figure: 'p50', unit: 'ms', better: 'lower', value: percentile(delays, 0.5) },
        { figure: 'p99', unit: 'ms', better: 'lower', value: percentile(delays, 0.99) },
      ];
    } finally {
      await end();
    }
  },
};

/** Node's own HTTP server, with nothing else to do, beside clients that go directly: what the machine makes everybody wait. */
async function bareServer(t: Cleanup): Promise<string> {
  const port = await freePort();
  const program = `require('node:http').createServer((_, r) => r.end('ok')).listen(${port}, '127.0.0.1')`;
  await startBackground(t, [process.execPath, '-e', program], port);
  return `http://127.0.0.1:${port}/`;
}

/** What an operator, or a probe of Aurelay's own, waits while bytes are carried; the bench's own delay is in it too. */
export const adminDelay: Measure = { name: 'admin-delay', loads: [load] };
