import { assert } from '../base/assert.ts';
import type { Event } from './event.ts';
import type { ClusterState } from './state.ts';
import { viewWriter } from './view-of.ts';

/**
 * What must hold after every step, in production too: a broken one stops the process rather than let two servers be
 * written to. Numbers as in ARCHITECTURE.md.
 */
export function checkInvariants(before: ClusterState, after: ClusterState, event: Event): void {
  const { epoch, writer, deposed, phase } = after;
  // 1: an epoch has at most one writer, for ever.
  assert(epoch >= before.epoch, `the epoch went back from ${before.epoch} to ${epoch}`);
  assert(
    epoch > before.epoch || writer === before.writer,
    `epoch ${epoch} has two writers: ${before.writer} and ${writer}`,
  );
  // 4: a deposed writer is never the writer.
  assert(writer === null || !deposed.has(writer), `${writer} is both deposed and the writer`);
  // 2 and 3: sessions go only to the holder, in a settled phase, on evidence that it is writable.
  const open = viewWriter(after);
  if (open === null) return;
  assert(open === writer && phase.name === 'stable', `sessions would go to ${open} in phase ${phase.name}`);
  assert(
    after.instances.get(open)?.observation?.role === 'writer',
    `sessions would go to ${open}, which was not seen writable`,
  );
  // 3: a promotion's own word admits nobody.
  const admitted = viewWriter(before) !== open;
  assert(!admitted || event.kind !== 'promoted', `${open} was admitted by its promotion's return`);
}
