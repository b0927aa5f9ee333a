import type { ServerResponse } from 'node:http';
import type { ClusterEvent } from '../control/cluster-event.ts';
import { ApiError } from './api-error.ts';
import type { Controls } from './controls.ts';

export interface EventStreamLimits {
  /** Streams open at a time; one more is refused. */
  readonly maxSubscribers: number;
  /** Bytes that may wait for one slow reader; more, and its stream is cut. It comes back with `Last-Event-ID`. */
  readonly maxBufferedBytes: number;
  /** A comment goes out this often, so that both sides notice a dead connection. */
  readonly heartbeatMs: number;
}

export const defaultEventStreamLimits: EventStreamLimits = {
  maxSubscribers: 100,
  maxBufferedBytes: 2 * 1024 * 1024,
  heartbeatMs: 15_000,
};

/** Cluster events as server-sent events (WHATWG HTML, 9.2), straight onto each subscriber's response. */
export class EventStreams {
  readonly #controls: Controls;
  readonly #limits: EventStreamLimits;
  readonly #endings = new Set<() => void>();

  constructor(controls: Controls, limits: EventStreamLimits) {
    this.#controls = controls;
    this.#limits = limits;
  }

  /** Throws an `ApiError` where there are too many streams already. */
  open(response: ServerResponse, since: number): void {
    if (this.#endings.size >= this.#limits.maxSubscribers) {
      throw new ApiError(
        'too_many_subscribers',
        `${this.#limits.maxSubscribers} event streams are open already: close one, or poll /api/v1/events?follow=false`,
      );
    }
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      connection: 'close',
    });
    response.flushHeaders();
    this.#write(response, 'retry: 2000\n\n');
    this.#follow(response, since);
  }

  /** Ends every stream. */
  close(): void {
    for (const end of [...this.#endings]) end();
  }

  #follow(response: ServerResponse, since: number): void {
    let last = 0;
    const send = (event: ClusterEvent) => {
      if (event.seq <= last) return;
      last = event.seq;
      this.#write(response, formatEvent(event));
    };
    for (const event of eventsSince(this.#controls, since)) send(event);
    const unsubscribe = this.#controls.onEvent(send);
    const heartbeat = setInterval(() => this.#write(response, ':\n\n'), this.#limits.heartbeatMs);
    heartbeat.unref();
    const stop = () => {
      unsubscribe();
      clearInterval(heartbeat);
      this.#endings.delete(end);
    };
    const end = () => {
      stop();
      response.end();
    };
    this.#endings.add(end);
    response.on('close', stop);
    response.on('error', stop);
  }

  #write(response: ServerResponse, text: string): void {
    if (response.destroyed || response.writableEnded) return;
    response.write(text);
    if (response.writableLength > this.#limits.maxBufferedBytes) response.destroy();
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
