import type { ServerResponse } from 'node:http';
import { ApiError } from './api-error.ts';

export interface SubscriptionLimits {
  /** Streams open at a time; one more is refused. */
  readonly maxSubscribers: number;
  /** Bytes that may wait for one slow reader; more, and its stream is cut. It comes back by itself. */
  readonly maxBufferedBytes: number;
  /** How often something goes out though nothing happened, so that both sides notice a dead connection. */
  readonly heartbeatMs: number;
}

export interface SubscriptionOptions extends SubscriptionLimits {
  /** What is sent every `heartbeatMs`, as it goes on the wire. */
  readonly heartbeat: () => string;
  /** What whoever is refused can do instead. */
  readonly remedy: string;
}

export interface Subscriber {
  send(text: string): void;
  /** Called once, when the stream has ended, whoever ended it. */
  onGone(listener: () => void): void;
}

/** Responses that stay open as streams of server-sent events (WHATWG HTML, 9.2): so many, and none slower than it may be. */
export class Subscriptions {
  readonly #options: SubscriptionOptions;
  readonly #open = new Map<ServerResponse, () => void>();

  constructor(options: SubscriptionOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Throws an `ApiError` where there are too many streams already. */
  open(response: ServerResponse): Subscriber {
    const { maxSubscribers, remedy, heartbeat, heartbeatMs } = this.#options;
    if (this.#open.size >= maxSubscribers) {
      throw new ApiError(
        'too_many_subscribers',
        `${maxSubscribers} event streams are open already: ${remedy}`,
      );
    }
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      connection: 'close',
    });
    response.flushHeaders();
    const listeners: (() => void)[] = [];
    const beat = setInterval(() => this.#write(response, heartbeat()), heartbeatMs);
    beat.unref();
    const gone = (): void => {
      if (!this.#open.delete(response)) return;
      clearInterval(beat);
      for (const listener of listeners) listener();
    };
    this.#open.set(response, gone);
    response.on('close', gone);
    response.on('error', gone);
    this.#write(response, 'retry: 2000\n\n');
    return {
      send: (text) => this.#write(response, text),
      onGone: (listener) => void listeners.push(listener),
    };
  }

  /** The same to everybody. */
  broadcast(text: string): void {
    for (const response of this.#open.keys()) this.#write(response, text);
  }

  /** Ends every stream. */
  close(): void {
    for (const [response, gone] of [...this.#open]) {
      gone();
      response.end();
    }
  }

  #write(response: ServerResponse, text: string): void {
    if (response.destroyed || response.writableEnded) return;
    response.write(text);
    if (response.writableLength > this.#options.maxBufferedBytes) response.destroy();
  }
}
