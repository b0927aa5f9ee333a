import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../src/base/errors.ts';
import { connect } from '../support/engines-under-test.ts';
import { askSwitchover } from './crowd-out.ts';
import { instanceOf, type Rig } from './rig.ts';
import type { Remark, Round } from './round.ts';

/** What the server gives back meanwhile is taken at once. */
const refillMs = 100;
/** Three segments of PostgreSQL's log. */
const overflowMessages = 48;

/**
 * Fills the disk under a server, and keeps it full for a while. What the server makes of it is its own affair: it may
 * refuse writes, wait for room, or crash. What Aurelay makes of it must not cost more than a crash may.
 */
export async function fillDisk(rig: Rig, id: string, round: Round): Promise<Remark> {
  if (rig.disk === null) throw new Error('there is a disk to fill');
  await rig.disk.fillQuickly();
  const overflow = round.logOverflows ? overflowLog(rig, id) : null;
  const asked = round.switchesOver ? askSwitchover(rig, id).catch(messageOf) : null;
  const endAt = performance.now() + 2_000 + round.lastsMs;
  while (performance.now() < endAt) {
    rig.disk.fill();
    await sleep(refillMs);
  }
  const status = await rig.aurelay.status().catch(() => null);
  const seen = status?.instances.find((instance) => instance.id === id);
  rig.disk.free();
  const said = [
    `${instanceOf(rig, id).pid() === null ? 'it ended' : 'it runs'}, Aurelay says ${status?.phase}, ${seen?.health}`,
    ...(overflow === null ? [] : [`its log overflowed: ${await overflow}`]),
    ...(asked === null ? [] : [`switchover: ${(await asked) ?? 'done'}`]),
  ];
  return { what: said.join('; '), violations: [] };
}

/** Writes to the log and to nothing else, until the server says no. Only PostgreSQL has such a thing. */
async function overflowLog(rig: Rig, id: string): Promise<string> {
  if (rig.engine.cluster !== 'pg') return 'no';
  try {
    const client = await connect(rig.engine, instanceOf(rig, id).port);
    try {
      for (let count = 0; count < overflowMessages; count++) {
        await client.query("SELECT pg_logical_emit_message(false, 'chaos', repeat('x', 1000000))");
      }
      return 'no';
    } finally {
      await client.close();
    }
  } catch (error) {
    return messageOf(error);
  }
}
