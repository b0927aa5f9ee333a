import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { messageOf } from '../base/errors.ts';
import { type Address, formatAddress } from '../cluster/instance.ts';
import type { LineLogger } from '../log/tell.ts';
import { AdminTroubles } from './admin-troubles.ts';
import type { VersionJson } from './api.ts';
import { ApiError } from './api-error.ts';
import type { Controls } from './controls.ts';
import { loadDashboard } from './dashboard.ts';
import { defaultEventStreamLimits, EventStreams } from './event-stream.ts';
import { defaultHistory, History } from './history.ts';
import { sampleHistory } from './history-sampler.ts';
import { defaultLiveStreamLimits, type LiveStreamLimits, LiveStreams } from './live-stream.ts';
import type { Metrics } from './metrics.ts';
import { type AdminPatience, defaultPatience } from './patience.ts';
import { isLoopbackAddress } from './request-guard.ts';
import { adminRoutes } from './routes.ts';
import { RunningResponses } from './running-responses.ts';
import type { SubscriptionLimits } from './subscriptions.ts';
import { type AdminIdentity, tlsDoor } from './tls-door.ts';

export interface AdminOptions {
  readonly listen: Address;
  readonly controls: Controls;
  readonly about: VersionJson;
  readonly metrics: Pick<Metrics, 'render'>;
  readonly logger: LineLogger;
  /** HTTPS, and nothing beside it; null or absent: plain HTTP. */
  readonly identity?: AdminIdentity | null;
  /** What changes something has to show this; null: on loopback, nobody has to. Asked at each request. */
  readonly token?: () => string | null;
  /** Plain HTTP beyond this machine was asked for. */
  readonly allowInsecure?: boolean;
  /** A socket that listens on `listen` already, handed down by whoever started this process. */
  readonly inherited?: { readonly fd: number } | null;
  readonly events?: Partial<SubscriptionLimits>;
  readonly live?: Partial<LiveStreamLimits>;
  /** Where the dashboard was built, if not in its own folder. */
  readonly dashboardFolder?: string;
  readonly patience?: Partial<AdminPatience>;
  /** Until a command that does not end is answered with 504. */
  readonly commandTimeoutMs?: number;
}

export interface Admin {
  /** Where it listens, with the port that the system chose where 0 was asked for. */
  readonly address: Address;
  /** Ends event streams and idle connections at once, and what still runs after a second. */
  close(): Promise<void>;
}

/** Cannot listen: names the address and the remedy. */
export class AdminListenFailed extends Error {
  override readonly name = 'AdminListenFailed';
}

const closeGraceMs = 1000;

/** Starts the admin API. Throws `AdminListenFailed`. */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const { listen, controls, metrics, logger, identity = null, token = () => null } = options;
  const streams = new EventStreams(controls, { ...defaultEventStreamLimits, ...options.events });
  const dashboard = loadDashboard(options.dashboardFolder);
  const hello = {
    process: randomUUID(),
    started_at: options.about.started_at,
    version: options.about.version,
    dashboard: dashboard.build,
  };
  const live = new LiveStreams(controls, hello, { ...defaultLiveStreamLimits, ...options.live });
  const history = new History();
  const troubles = new AdminTroubles(logger);
  let loopback = true;
  const app = adminRoutes({
    controls,
    about: options.about,
    metrics,
    logger,
    ...{ streams, live, history, dashboard },
    listensOnLoopback: () => loopback,
    token,
    troubles,
    commandTimeoutMs: options.commandTimeoutMs ?? 120_000,
  });
  const patience = { ...defaultPatience, ...options.patience };
  const server = limitedServer(patience);
  server.on(
    'request',
    getRequestListener(app.fetch, { overrideGlobalObjects: false, errorHandler: malformedRequest }),
  );
  const running = new RunningResponses(server);
  const door = identity === null ? null : tlsDoor(server, identity, patience.handshakeMs);
  const listener: NetServer = door?.server ?? server;
  await startListening(listener, listen, options.inherited ?? null);
  listener.on('error', (error) => troubles.notAccepted(error));
  listener.on('drop', () => troubles.dropped(patience.maxConnections));
  const bound = listener.address() as AddressInfo;
  loopback = isLoopbackAddress(bound.address);
  if (!loopback && ((identity === null && options.allowInsecure !== true) || token() === null)) {
    listener.close();
    throw new AdminListenFailed(
      `the admin API would listen on ${formatAddress({ host: bound.address, port: bound.port })}, beyond this machine: that needs \`admin.tls\` (or \`allow_insecure: true\`) and \`admin.token\``,
    );
  }
  const stopSampling = sampleHistory(history, controls, defaultHistory.intervalMs);
  return {
    address: { host: bound.address, port: bound.port },
    close: async () => {
      if (!listener.listening) return;
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      door?.closeUnsettled();
      if (door !== null) server.close();
      stopSampling();
      streams.close();
      live.close();
      await running.finished(closeGraceMs);
      server.closeAllConnections();
      await closed;
      troubles.close();
    },
  };
}

function limitedServer(patience: AdminPatience): Server {
  const server = createServer({
    headersTimeout: patience.headersMs,
    requestTimeout: patience.requestMs,
    keepAliveTimeout: patience.betweenRequestsMs,
    maxHeaderSize: 16 * 1024,
    connectionsCheckingInterval: patience.checkEveryMs,
  });
  server.maxConnections = patience.maxConnections;
  server.timeout = patience.silenceMs;
  return server;
}

/** A request that is no valid one (its Host or URL) never reaches a route. */
function malformedRequest(thrown: unknown): Response {
  const error = new ApiError('bad_request', `the request is malformed: ${messageOf(thrown)}`);
  return Response.json(error.toJSON(), { status: error.status });
}

async function startListening(
  server: NetServer,
  listen: Address,
  inherited: { readonly fd: number } | null,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(listenFailed(listen, error));
    server.once('error', fail);
    server.listen(inherited ?? { host: listen.host, port: listen.port }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function listenFailed(listen: Address, error: NodeJS.ErrnoException): AdminListenFailed {
  const remedies: Readonly<Record<string, string>> = {
    EADDRINUSE: 'something listens there already: stop it (another Aurelay?), or set another `admin.listen`',
    EACCES: 'ports below 1024 need a privilege: set `admin.listen` to a higher one',
    EADDRNOTAVAIL: 'this machine has no such address: set `admin.listen` to one of its own',
    ENOTFOUND: 'the name has no address: set `admin.listen` to an IP address',
  };
  const remedy = remedies[error.code ?? ''] ?? `${messageOf(error)}: check \`admin.listen\``;
  return new AdminListenFailed(`the admin API cannot listen on ${formatAddress(listen)}: ${remedy}`, {
    cause: error,
  });
}
