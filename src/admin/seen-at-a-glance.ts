import type { ClusterView, InstanceView } from '../cluster/view.ts';

/**
 * Whether somebody who looks at the cluster has to see the difference at once: who is the writer, who is well, what the
 * cluster is about. What flows all the time, lag and positions, is not among it.
 */
export function differsAtAGlance(before: ClusterView | undefined, after: ClusterView): boolean {
  if (before === undefined) return true;
  if (before === after) return false;
  return (
    before.writer !== after.writer ||
    before.phase !== after.phase ||
    before.epoch !== after.epoch ||
    before.reason !== after.reason ||
    before.durability?.state !== after.durability?.state ||
    before.durability?.acknowledging !== after.durability?.acknowledging ||
    before.durability?.secured !== after.durability?.secured ||
    before.instances.size !== after.instances.size ||
    [...after.instances].some(([id, instance]) => differs(before.instances.get(id), instance))
  );
}

const differs = (before: InstanceView | undefined, after: InstanceView): boolean =>
  before === undefined ||
  before.role !== after.role ||
  before.health !== after.health ||
  before.replicating !== after.replicating ||
  before.drained !== after.drained ||
  before.deposed !== after.deposed ||
  before.instance !== after.instance;
