import type { Clock, Timer } from '../base/clock.ts';

/** Tells of what comes in floods. */
export interface Flood<Item> {
  tell(item: Item): void;
  /** Tells of what was held back, and ends. */
  close(): void;
}

interface Gate<Item> {
  timer: Timer;
  /** The last one that was held back; null: none was. */
  last: { readonly item: Item } | null;
  suppressed: number;
}

const mostKinds = 256;
/** What no kind is called. */
const further = '';

/**
 * Says the first of a kind at once, and then, as long as more of it come, the last of each interval with how many others
 * were left out (`suppressed`): lines and suppressed ones add up to all there were, and a kind that is rare is said at
 * once however many come of another. So many kinds at a time, at
 * most: further ones count as one.
 */
export function flood<Item>(
  intervalMs: number,
  clock: Pick<Clock, 'after'>,
  kindOf: (item: Item) => string,
  say: (item: Item, suppressed: number) => void,
): Flood<Item> {
  const gates = new Map<string, Gate<Item>>();
  const open = (kind: string): void => {
    const timer = clock.after(intervalMs, () => {
      gates.delete(kind);
      if (gate.last === null) return;
      open(kind);
      say(gate.last.item, gate.suppressed);
    });
    const gate: Gate<Item> = { timer, last: null, suppressed: 0 };
    gates.set(kind, gate);
  };
  let isClosed = false;
  return {
    tell(item) {
      if (isClosed) return;
      const own = kindOf(item);
      const kind = gates.has(own) || gates.size < mostKinds ? own : further;
      const gate = gates.get(kind);
      if (gate !== undefined) {
        if (gate.last !== null) gate.suppressed += 1;
        gate.last = { item };
        return;
      }
      open(kind);
      say(item, 0);
    },
    close() {
      isClosed = true;
      for (const { timer, last, suppressed } of gates.values()) {
        timer.cancel();
        if (last !== null) say(last.item, suppressed);
      }
      gates.clear();
    },
  };
}
