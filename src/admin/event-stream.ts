import type { ServerResponse } from 'node:http';
import type { ClusterEvent } from '../control/cluster-event.ts';
import type { Controls } from './controls.ts';
import { type SubscriptionLimits, Subscriptions } from './subscriptions.ts';

export const defaultEventStreamLimits: SubscriptionLimits = {
  maxSubscribers: 100,
  maxBufferedBytes: 2 * 1024 * 1024,
  heartbeatMs: 15_000,
};

/** Cluster events as server-sent events (WHATWG HTML, 9.2), straight onto each subscriber's response. */
export class EventStreams {
  readonly #controls: Controls;
  readonly #subscriptions: Subscriptions;

  constructor(controls: Controls, limits: SubscriptionLimits) {
    this.#controls = controls;
    this.#subscriptions = new Subscriptions({
      ...limits,
      heartbeat: () => ':\n\n',
      remedy: 'close one, or poll /api/v1/events?follow=false',
    });
  }

  /** Throws an `ApiError` where there are too many streams already. */
  open(response: ServerResponse, since: number): void {
    const subscriber = this.#subscriptions.open(response);
    let last = 0;
    const send = (event: ClusterEvent) => {
      if (event.seq <= last) return;
      last = event.seq;
      subscriber.send(formatEvent(event));
    };
    for (const event of eventsSince(this.#controls, since)) send(event);
    subscriber.onGone(this.#controls.onEvent(send));
  }

  /** Ends every stream. */
  close(): void {
    this.#subscriptions.close();
  }
}

/**
 * The kept events after `since`, oldest first. A `since` from the future is one of an Aurelay that ran before this
 * one, whose numbers began again at 1: everything is new to who asks with it.
 */
export function eventsSince(controls: Controls, since: number): readonly ClusterEvent[] {
  const kept = controls.eventsSince(0);
  const latest = kept.at(-1)?.seq ?? 0;
  return since > latest ? kept : kept.filter(({ seq }) => seq > since);
}

const formatEvent = (event: ClusterEvent): string =>
  `id: ${event.seq}\nevent: ${event.name}\ndata: ${JSON.stringify(event)}\n\n`;
