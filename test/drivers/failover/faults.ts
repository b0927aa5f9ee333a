import { setTimeout as sleep } from 'node:timers/promises';
import { freeze, kill } from '../../chaos/faults.ts';
import { mend, type Rig } from '../../chaos/rig.ts';
import type { DriverFault, Stage } from './measure.ts';

/** Longer than many a driver waits for a connection, and well below `failover.hold`. */
const allDownMs = 12_000;

/** Does `fault` to `writer`. `mend` of the rig takes it back. */
export async function inject(rig: Rig, writer: string, fault: DriverFault): Promise<void> {
  switch (fault) {
    case 'switchover':
      return switchOver(rig, writer);
    case 'kill -9':
      kill(rig, writer);
      return;
    case 'SIGSTOP':
      freeze(rig, writer);
      return;
    case 'all down':
      for (const { id } of rig.cluster.instances) kill(rig, id);
      await sleep(allDownMs);
      await mend(rig);
      return;
  }
}

/** To any other instance. */
export async function switchOver({ aurelay, cluster, engine }: Stage, writer: string): Promise<void> {
  const next = cluster.instances.find(({ id }) => id !== writer);
  await aurelay.admin.switchover(engine.cluster, next?.id ?? '');
}
