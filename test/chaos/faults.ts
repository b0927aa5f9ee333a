import { setTimeout as sleep } from 'node:timers/promises';
import { signalProcess } from '../../src/demo/running-server.ts';
import type { SqlClient } from '../support/drivers.ts';
import { connect } from '../support/engines-under-test.ts';
import type { Direction } from './cut-relay.ts';
import { serverProcesses } from './rebuild.ts';
import { instanceOf, type Rig, waysTo } from './rig.ts';

/** What can happen to a server. `mend` of the rig takes all of it back. */

/** The postmaster or mysqld; what the first leaves behind ends by itself. */
export const kill = (rig: Rig, id: string): void => instanceOf(rig, id).kill('SIGKILL');

/** Every process of it, those included that are born while the others are being stopped. */
export function freeze(rig: Rig, id: string): void {
  for (let pass = 0; pass < 2; pass++) {
    for (const pid of serverProcesses(instanceOf(rig, id))) signalProcess(pid, 'SIGSTOP');
  }
}

/** From Aurelay (`door`), from its replicas (`link`), or from both; both ways or one. */
export function cutOff(
  rig: Rig,
  id: string,
  from: readonly ('door' | 'link')[] = ['door', 'link'],
  directions?: readonly Direction[],
): void {
  for (const way of from) waysTo(rig, id)[way].cut(directions);
}

/** More than any server of the rig has slots. */
const mostSessions = 250;

/** Takes every connection slot of a server with idle sessions past Aurelay, and gives them back after a while. */
export async function exhaustSlots(rig: Rig, id: string, forMs: number): Promise<number> {
  const { port } = instanceOf(rig, id);
  const taken: SqlClient[] = [];
  let isFull = false;
  const take = async () => {
    while (!isFull && taken.length < mostSessions) {
      await connect(rig.engine, port).then(
        (client) => taken.push(client),
        () => {
          isFull = true;
        },
      );
    }
  };
  try {
    await Promise.all(Array.from({ length: 4 }, take));
    await sleep(forMs);
    return taken.length;
  } finally {
    await Promise.all(taken.map((client) => client.close()));
  }
}
