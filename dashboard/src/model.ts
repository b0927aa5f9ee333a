import type {
  ClusterJson,
  EventJson,
  FailoverJson,
  HistoryJson,
  LiveHelloJson,
} from '../../src/admin/api.ts';
import { type Connection, type ConnectionEvent, nextConnection, notConnected } from './connection.ts';
import { mergeEvents } from './event-merge.ts';
import { emptyHistory, type History, mergeHistory } from './history-merge.ts';

/** All that the page shows, in one value. */
export interface Model {
  readonly connection: Connection;
  /** Null: not known yet. */
  readonly clusters: readonly ClusterJson[] | null;
  /** The newest first. */
  readonly events: readonly EventJson[];
  /** By cluster, the newest first. */
  readonly failovers: ReadonlyMap<string, readonly FailoverJson[]>;
  readonly history: History;
  readonly hello: LiveHelloJson | null;
  /** The page that was loaded; null before the first greeting. */
  readonly page: string | null;
  /** Aurelay has another page by now. */
  readonly isOutdated: boolean;
  /** So many milliseconds is the server's clock ahead of the browser's. */
  readonly aheadMs: number;
  /** For those who do not see the page: the last thing of note. */
  readonly announcement: string;
}

export type Message =
  | { readonly kind: 'connection'; readonly event: ConnectionEvent }
  | { readonly kind: 'hello'; readonly hello: LiveHelloJson }
  | { readonly kind: 'clusters'; readonly clusters: readonly ClusterJson[] }
  | { readonly kind: 'event'; readonly event: EventJson }
  | { readonly kind: 'events'; readonly events: readonly EventJson[] }
  | { readonly kind: 'failovers'; readonly cluster: string; readonly failovers: readonly FailoverJson[] }
  | { readonly kind: 'history'; readonly history: HistoryJson }
  | { readonly kind: 'clock'; readonly aheadMs: number };

export const firstModel: Model = {
  connection: notConnected,
  clusters: null,
  events: [],
  failovers: new Map(),
  history: emptyHistory,
  hello: null,
  page: null,
  isOutdated: false,
  aheadMs: 0,
  announcement: '',
};

export function nextModel(model: Model, message: Message): Model {
  switch (message.kind) {
    case 'connection': {
      const connection = nextConnection(model.connection, message.event);
      return connection === model.connection ? model : { ...model, connection };
    }
    case 'hello':
      return greeted(model, message.hello);
    case 'clusters':
      return { ...model, clusters: message.clusters, announcement: announced(model, message.clusters) };
    case 'event': {
      const { event } = message;
      const isOfNote = event.level === 'error' || event.level === 'warn';
      const announcement = isOfNote ? `${event.cluster}: ${event.message}` : model.announcement;
      return { ...model, events: mergeEvents(model.events, [event]), announcement };
    }
    case 'events':
      return { ...model, events: mergeEvents(model.events, message.events) };
    case 'failovers':
      return { ...model, failovers: new Map([...model.failovers, [message.cluster, message.failovers]]) };
    case 'history':
      return { ...model, history: mergeHistory(model.history, message.history) };
    case 'clock':
      // Less is the resolution of the header that it is read from, and the way that it took.
      return Math.abs(message.aheadMs - model.aheadMs) < 2_000
        ? model
        : { ...model, aheadMs: message.aheadMs };
  }
}

/** The page that is shown is the one of the first greeting: whoever sends another name has another page. */
function greeted(model: Model, hello: LiveHelloJson): Model {
  const page = model.page ?? hello.dashboard;
  return { ...model, hello, page, isOutdated: hello.dashboard !== null && hello.dashboard !== page };
}

function announced(model: Model, clusters: readonly ClusterJson[]): string {
  const before = new Map(model.clusters?.map(({ name, writer }) => [name, writer]));
  const changed = clusters.find(({ name, writer }) => before.has(name) && before.get(name) !== writer);
  if (changed === undefined) return model.announcement;
  if (changed.writer === null) return `${changed.name} has no writer`;
  return `The writer of ${changed.name} is now ${changed.writer}`;
}
