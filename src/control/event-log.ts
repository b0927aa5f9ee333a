import { messageOf } from '../base/errors.ts';
import type { ClusterEvent } from './cluster-event.ts';

/** What happened lately, for those who ask later and for those who listen now. */
export class EventLog {
  private readonly kept: ClusterEvent[] = [];
  private readonly listeners = new Set<(event: ClusterEvent) => void>();
  private seq = 0;
  private readonly most: number;
  private readonly onListenerError: (message: string) => void;

  constructor(most: number, onListenerError: (message: string) => void) {
    this.most = most;
    this.onListenerError = onListenerError;
  }

  append(event: Omit<ClusterEvent, 'seq'>): ClusterEvent {
    this.seq += 1;
    const numbered: ClusterEvent = { seq: this.seq, ...event };
    this.kept.push(numbered);
    if (this.kept.length > this.most) this.kept.shift();
    for (const listener of this.listeners) {
      try {
        listener(numbered);
      } catch (error) {
        this.onListenerError(messageOf(error));
      }
    }
    return numbered;
  }

  /** Events with `seq` above `since`, oldest first. */
  since(since: number): readonly ClusterEvent[] {
    return this.kept.filter((event) => event.seq > since);
  }

  listen(listener: (event: ClusterEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
