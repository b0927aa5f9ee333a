import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Load, Measure } from '../measure.ts';
import { pgbench } from '../pgbench.ts';
import { percentile } from '../summary.ts';

const pauseMs = 10;

const load: Load = {
  name: 'GET /livez beside 64 busy clients',
  engine: 'postgres',
  suits: ({ adminUrl, ports }) => adminUrl !== null && ports.postgres !== undefined,
  async run({ adminUrl, ports }, { seconds, folder }) {
    const delays: number[] = [];
    let busy = true;
    const ask = async () => {
      // The first call opens a connection that the others use again.
      await fetch(`${adminUrl}/livez`).then((response) => response.text());
      await sleep(500);
      while (busy) {
        const begin = performance.now();
        await fetch(`${adminUrl}/livez`).then((response) => response.text());
        delays.push(performance.now() - begin);
        await sleep(pauseMs);
      }
    };
    const asking = ask();
    await pgbench({
      port: ports.postgres ?? 0,
      mode: 'prepared',
      clients: 64,
      seconds: Math.max(seconds, 3),
      folder,
    }).finally(() => {
      busy = false;
    });
    await asking;
    delays.sort((a, b) => a - b);
    return [
      { figure: 'p50', unit: 'ms', better: 'lower', value: percentile(delays, 0.5) },
      { figure: 'p99', unit: 'ms', better: 'lower', value: percentile(delays, 0.99) },
    ];
  },
};

/** What an operator, or a probe of Aurelay's own, waits while bytes are carried; the bench's own delay is in it too. */
export const adminDelay: Measure = { name: 'admin-delay', loads: [load] };
