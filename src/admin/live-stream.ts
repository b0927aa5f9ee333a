import type { ServerResponse } from 'node:http';
import type { ClusterId } from '../base/brand.ts';
import type { ClusterView } from '../cluster/view.ts';
import type { ClusterEvent } from '../control/cluster-event.ts';
import type { LiveHelloJson } from './api.ts';
import { clusterJson } from './cluster-json.ts';
import type { Controls } from './controls.ts';
import { differsAtAGlance } from './seen-at-a-glance.ts';
import { type SubscriptionLimits, Subscriptions } from './subscriptions.ts';

export interface LiveStreamLimits extends SubscriptionLimits {
  /** What somebody has to see at once is on its way within this time, and no more often than so. */
  readonly coalesceMs: number;
  /** Sessions, lag and positions are looked at this often, and sent where they changed. */
  readonly everyMs: number;
}

export const defaultLiveStreamLimits: LiveStreamLimits = {
  maxSubscribers: 100,
  maxBufferedBytes: 2 * 1024 * 1024,
  heartbeatMs: 5_000,
  coalesceMs: 100,
  everyMs: 1_000,
};

/**
 * The whole picture as server-sent events, for pages: `hello` first, `clusters` whenever it changed, each `event` as it
 * happens, and `beat` when nothing does, since a page is not told of comments. Nobody there, nothing done.
 */
export class LiveStreams {
  readonly #controls: Controls;
  readonly #limits: LiveStreamLimits;
  readonly #hello: LiveHelloJson;
  readonly #subscriptions: Subscriptions;
  /** The views by which the latest picture was made. */
  readonly #shown = new Map<ClusterId, ClusterView>();
  #picture = '';
  #sentAt = Number.NEGATIVE_INFINITY;
  #due: NodeJS.Timeout | null = null;
  #stopWatching: (() => void) | null = null;

  constructor(controls: Controls, hello: LiveHelloJson, limits: LiveStreamLimits) {
    this.#controls = controls;
    this.#limits = limits;
    this.#hello = hello;
    this.#subscriptions = new Subscriptions({
      ...limits,
      heartbeat: () => format('beat', {}),
      remedy: 'close a page, or poll /api/v1/clusters',
    });
  }

  /** Throws an `ApiError` where there are too many streams already. */
  open(response: ServerResponse): void {
    const subscriber = this.#subscriptions.open(response);
    subscriber.onGone(() => {
      if (this.#subscriptions.count === 0) this.#stop();
    });
    if (this.#stopWatching === null) {
      this.#watch();
      this.#picture = this.#draw();
    }
    subscriber.send(format('hello', this.#hello));
    subscriber.send(this.#picture);
    // Others' picture may be as old as a second.
    this.#refresh();
  }

  /** Ends every stream. */
  close(): void {
    this.#subscriptions.close();
  }

  #watch(): void {
    const forgetEvents = this.#controls.onEvent((event) => this.#tell(event));
    const forgetViews = this.#controls.onView((view) => {
      if (differsAtAGlance(this.#shown.get(view.cluster), view)) this.#soon();
    });
    const regularly = setInterval(() => this.#refresh(), this.#limits.everyMs);
    regularly.unref();
    this.#stopWatching = () => {
      forgetEvents();
      forgetViews();
      clearInterval(regularly);
    };
  }

  #stop(): void {
    this.#stopWatching?.();
    this.#stopWatching = null;
    if (this.#due !== null) clearTimeout(this.#due);
    this.#due = null;
  }

  #tell(event: ClusterEvent): void {
    this.#subscriptions.broadcast(format('event', event));
  }

  #soon(): void {
    if (this.#due !== null) return;
    const wait = Math.max(0, this.#sentAt + this.#limits.coalesceMs - performance.now());
    this.#due = setTimeout(() => {
      this.#due = null;
      this.#refresh();
    }, wait);
    this.#due.unref();
  }

  #refresh(): void {
    const before = this.#picture;
    this.#picture = this.#draw();
    if (this.#picture === before) return;
    this.#sentAt = performance.now();
    this.#subscriptions.broadcast(this.#picture);
  }

  #draw(): string {
    const clusters = this.#controls.clusters();
    this.#shown.clear();
    for (const id of clusters) this.#shown.set(id, this.#controls.view(id));
    return format(
      'clusters',
      clusters.map((id) => clusterJson(this.#controls, id)),
    );
  }
}

const format = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
