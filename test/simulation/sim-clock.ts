import type { Clock, Timer } from '../../src/base/clock.ts';

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Simulated time: timers run in order, and between two of them everything that promises have ready is done. */
export class SimClock implements Clock {
  private time = 0;
  private order = 0;
  private readonly heap: Entry[] = [];

  now(): number {
    return this.time;
  }

  wallTime(): number {
    return this.time;
  }

  after(delayMs: number, run: () => void): Timer {
    this.order += 1;
    const entry: Entry = { at: this.time + Math.max(0, delayMs), order: this.order, run, cancelled: false };
    this.push(entry);
    return {
      cancel: () => {
        entry.cancelled = true;
      },
    };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  async runUntil(time: number): Promise<void> {
    await settled();
    for (let next = this.heap[0]; next !== undefined && next.at <= time; next = this.heap[0]) {
      this.pop();
      if (next.cancelled) continue;
      this.time = next.at;
      next.run();
      await settled();
    }
    this.time = time;
  }

  private push(entry: Entry): void {
    const { heap } = this;
    heap.push(entry);
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!isBefore(heap[child] as Entry, heap[parent] as Entry)) break;
      this.swap(child, parent);
      child = parent;
    }
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    heap[0] = last;
    let parent = 0;
    for (;;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      let least = parent;
      if (left < heap.length && isBefore(heap[left] as Entry, heap[least] as Entry)) least = left;
      if (right < heap.length && isBefore(heap[right] as Entry, heap[least] as Entry)) least = right;
      if (least === parent) return;
      this.swap(parent, least);
      parent = least;
    }
  }

  private swap(a: number, b: number): void {
    const { heap } = this;
    [heap[a], heap[b]] = [heap[b] as Entry, heap[a] as Entry];
  }
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** The longest chain of promises between two timers is a dozen; twice that is cheap. */
async function settled(): Promise<void> {
  for (let hop = 0; hop < 24; hop += 1) await null;
}
