import { setTimeout as sleep } from 'node:timers/promises';
import { openScope } from '../../support/scope.ts';
import { residentBytes } from '../cpu-time.ts';
import { idleCrowd } from '../idle/crowd.ts';
import type { Load, Measure } from '../measure.ts';

/** For the process to let go of what it needed only to start, and to open the sessions. */
const settleMs = 3_000;

const load: Load = {
  name: 'idle sessions',
  engine: 'postgres',
  suits: ({ ports, startAnother }) => ports.idle !== undefined && startAnother !== null,
  async run({ startAnother }, { idleSessions }) {
    const { scope, end } = openScope();
    try {
      const fresh = (await startAnother?.(scope)) ?? null;
      if (fresh === null || fresh.pid === null) return [];
      await sleep(settleMs);
      const before = residentBytes(fresh.pid);
      const crowd = await idleCrowd(fresh.ports.idle ?? 0, idleSessions);
      scope.after(() => crowd.leave());
      await sleep(settleMs);
      const each = (residentBytes(fresh.pid) - before) / idleSessions;
      return [{ figure: 'memory of each', unit: 'KB', better: 'lower', value: each / 1024 }];
    } finally {
      await end();
    }
  },
};

/**
 * What a session costs that nobody uses: how much the resident memory of a process grows that has carried nothing before,
 * whose memory holds no room left over from earlier sessions.
 */
export const idleMemory: Measure = { name: 'idle-memory', loads: [load] };
