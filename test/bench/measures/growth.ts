import { setTimeout as sleep } from 'node:timers/promises';
import { idleCrowd } from '../idle/crowd.ts';
import type { Load, Measure } from '../measure.ts';
import { pgbench } from '../pgbench.ts';
import { transactionFigures } from '../transactions.ts';

const settleMs = 2_000;

const load = (share: number, name: string): Load => ({
  name: `8 busy clients beside ${name} idle ones`,
  engine: 'postgres',
  suits: ({ ports, pid }) => ports.idle !== undefined && pid !== null,
  async run(contestant, { idleSessions, seconds, folder }) {
    const { idle = 0, postgres = 0 } = contestant.ports;
    const crowd = await idleCrowd(idle, Math.max(10, Math.round(idleSessions * share)));
    try {
      await sleep(settleMs);
      return await transactionFigures(contestant, () =>
        pgbench({ port: postgres, mode: 'prepared', clients: 8, seconds, folder }),
      );
    } finally {
      await crowd.leave();
      await sleep(settleMs);
    }
  },
});

/** Whether busy sessions pay for idle ones. */
export const growth: Measure = { name: 'growth', loads: [load(0, '10'), load(1, 'many')] };
