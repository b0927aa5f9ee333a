import type {
  ClusterJson,
  EventJson,
  FailoverJson,
  HistoryJson,
  LiveHelloJson,
} from '../../src/admin/api.ts';
import { nextConnection, retryDelayMs } from './connection.ts';
import { changesRecords } from './event-merge.ts';
import { firstModel, type Message, type Model, nextModel } from './model.ts';

const lookEveryMs = 1_000;
/** A request that is answered later than so is as good as none. */
const requestTimeoutMs = 10_000;

/** Keeps the model up with Aurelay: the stream, and what is asked for beside it. */
export class Store {
  #model: Model = firstModel;
  #source: EventSource | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<(model: Model) => void>();

  get model(): Model {
    return this.#model;
  }

  listen(listener: (model: Model) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    this.#connect();
    setInterval(() => this.#look(), lookEveryMs);
    setInterval(() => void this.#fetchHistory(), this.#model.history.intervalMs);
    // Timers of hidden pages are slowed down: whoever comes back sees at once what is.
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) return;
      this.#look();
      void this.#fetchHistory();
    });
  }

  #take(message: Message): void {
    const before = this.#model;
    this.#model = nextModel(before, message);
    if (this.#model !== before) for (const listener of this.#listeners) listener(this.#model);
  }

  #connect(): void {
    clearTimeout(this.#retry);
    this.#source?.close();
    const source = new EventSource('/api/v1/live');
    this.#source = source;
    const on = <Data>(name: string, take: (data: Data) => void): void =>
      source.addEventListener(name, (event) => {
        if (source !== this.#source) return;
        this.#take({ kind: 'connection', event: { kind: 'heard', at: Date.now() } });
        take(JSON.parse((event as MessageEvent<string>).data) as Data);
      });
    on<LiveHelloJson>('hello', (hello) => this.#greeted(hello));
    on<readonly ClusterJson[]>('clusters', (clusters) => this.#take({ kind: 'clusters', clusters }));
    on<EventJson>('event', (event) => this.#happened(event));
    on('beat', () => {});
    // The browser's own attempts give up for good on an answer such as 503, which a restart brings.
    source.addEventListener('error', () => {
      if (source === this.#source) this.#failed();
    });
  }

  #failed(): void {
    this.#source?.close();
    this.#source = null;
    this.#take({ kind: 'connection', event: { kind: 'failed', at: Date.now() } });
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), retryDelayMs(this.#model.connection));
  }

  #look(): void {
    const looked = { kind: 'looked', at: Date.now() } as const;
    const { connection } = this.#model;
    if (nextConnection(connection, looked) === connection) return;
    this.#take({ kind: 'connection', event: looked });
    this.#connect();
  }

  #greeted(hello: LiveHelloJson): void {
    this.#take({ kind: 'hello', hello });
    void this.#fetchEvents();
    void this.#fetchHistory();
    void this.#fetchAllFailovers();
  }

  #happened(event: EventJson): void {
    this.#take({ kind: 'event', event });
    if (changesRecords(event)) void this.#fetchFailovers(event.cluster);
  }

  async #fetchEvents(): Promise<void> {
    const answer = await this.#get<{ readonly events: readonly EventJson[] }>('/api/v1/events?follow=false');
    if (answer !== null) this.#take({ kind: 'events', events: answer.events });
  }

  async #fetchHistory(): Promise<void> {
    if (document.hidden || this.#model.connection.kind !== 'live') return;
    const since = this.#model.history.at.at(-1) ?? 0;
    const history = await this.#get<HistoryJson>(`/api/v1/history?since=${since}`);
    if (history !== null) this.#take({ kind: 'history', history });
  }

  async #fetchAllFailovers(): Promise<void> {
    const clusters = await this.#get<readonly ClusterJson[]>('/api/v1/clusters');
    for (const { name } of clusters ?? []) await this.#fetchFailovers(name);
  }

  async #fetchFailovers(cluster: string): Promise<void> {
    const path = `/api/v1/clusters/${encodeURIComponent(cluster)}/failovers`;
    const answer = await this.#get<{ readonly failovers: readonly FailoverJson[] }>(path);
    if (answer !== null) this.#take({ kind: 'failovers', cluster, failovers: answer.failovers });
  }

  /** Null where it was not answered: the stream says whether anybody is there, and the next greeting asks again. */
  async #get<Answer>(path: string): Promise<Answer | null> {
    try {
      const response = await fetch(path, {
        headers: { accept: 'application/json' },
        signal: AbortSignal.timeout(requestTimeoutMs),
      });
      if (!response.ok) return null;
      const date = Date.parse(response.headers.get('date') ?? '');
      if (!Number.isNaN(date)) this.#take({ kind: 'clock', aheadMs: date - Date.now() });
      return (await response.json()) as Answer;
    } catch {
      return null;
    }
  }
}
