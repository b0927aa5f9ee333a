import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type Context, Hono } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { ClusterId, InstanceId } from '../base/brand.ts';
import { diagnosticJson } from '../config/diagnostic.ts';
import { type LineLogger, tell } from '../log/tell.ts';
import type { AdminTroubles } from './admin-troubles.ts';
import type { CommandJson, ReloadJson, VersionJson } from './api.ts';
import { ApiError } from './api-error.ts';
import { authorise, challengeOf } from './authorisation.ts';
import { clusterJson } from './cluster-json.ts';
import type { CommandResult, Controls } from './controls.ts';
import { addDashboard, type Dashboard } from './dashboard.ts';
import { type EventStreams, eventsSince } from './event-stream.ts';
import { failoverJson } from './failover-json.ts';
import type { History } from './history.ts';
import type { LiveStreams } from './live-stream.ts';
import type { Metrics } from './metrics.ts';
import { readiness } from './readiness.ts';
import { readBody } from './request-body.ts';
import { guardRequest } from './request-guard.ts';

interface Rooms {
  readonly controls: Controls;
  readonly about: VersionJson;
  readonly metrics: Pick<Metrics, 'render'>;
  readonly logger: LineLogger;
  readonly troubles: AdminTroubles;
  readonly streams: EventStreams;
  readonly live: LiveStreams;
  readonly history: History;
  readonly dashboard: Dashboard;
  readonly listensOnLoopback: () => boolean;
  readonly token: () => string | null;
  readonly commandTimeoutMs: number;
}

/** What an operator asks for, in the words of the command line. */
interface Command {
  readonly command: string;
  readonly cluster?: ClusterId;
  readonly instance?: InstanceId;
}

type Env = { Bindings: HttpBindings };

const index = {
  name: 'aurelay',
  urls: {
    'GET /livez': 'the process runs',
    'GET /readyz':
      'every endpoint accepts and every cluster has a writer, or why not; ?exclude=writer asks for the endpoints only',
    'GET /metrics': 'for Prometheus',
    'GET /api/v1/version': 'what runs: version, build, Node.js, relay, and since when',
    'GET /api/v1/clusters': 'every cluster: instances and endpoints',
    'GET /api/v1/clusters/{cluster}': 'one cluster',
    'GET /api/v1/clusters/{cluster}/failovers': 'what became of each change of its writer, the newest first',
    'POST /api/v1/clusters/{cluster}/failover': 'promote the best replica',
    'POST /api/v1/clusters/{cluster}/switchover':
      'body {"to": "<instance>"}: make it the writer, orderly; ?dry_run=true only says whether it could be',
    'POST /api/v1/clusters/{cluster}/instances/{instance}/drain': 'no new connections to it',
    'POST /api/v1/clusters/{cluster}/instances/{instance}/undrain': 'take that back',
    'POST /api/v1/reload': 'read the configuration again: all of it is put in force, or nothing',
    'GET /api/v1/events': 'server-sent events; ?since=<seq>, ?follow=false for a list as JSON',
    'GET /api/v1/live': 'server-sent events: the clusters whenever they changed, and each event',
    'GET /api/v1/history': 'lag, sessions and health of the last hour; ?since=<ms since 1970>',
  },
};

/** The admin API's paths. Everything it answers but metrics and events is JSON. */
export function adminRoutes(rooms: Rooms): Hono<Env> {
  const app = new Hono<Env>();
  app.use(secureHeaders({ xFrameOptions: 'DENY' }));
  app.use(async (c, next) => {
    c.header('cache-control', 'no-store');
    const { method, headers } = c.env.incoming;
    guardRequest(provenance(c), rooms.listensOnLoopback());
    authorise({ method: method ?? '', authorisation: headers.authorization }, rooms.token());
    await next();
  });
  addObservation(app, rooms);
  addCommands(app, rooms);
  app.notFound((c) =>
    failed(
      c,
      new ApiError('not_found', `nothing at ${c.req.method} ${c.req.path}; GET / lists what there is`),
    ),
  );
  app.onError((thrown, c) => {
    if (thrown instanceof ApiError) {
      if (thrown.status === 401) c.header('www-authenticate', challengeOf(thrown));
      if (thrown.code === 'invalid_token') rooms.troubles.wrongToken(clientOf(c));
      return failed(c, thrown);
    }
    rooms.troubles.failed(c.req.method, c.req.path, thrown);
    return failed(c, new ApiError('internal', 'an error of Aurelay itself; its log has the details'));
  });
  return app;
}

function addObservation(app: Hono<Env>, rooms: Rooms): void {
  const { controls, metrics } = rooms;
  addDashboard(app, rooms.dashboard, index);
  app.get('/livez', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', (c) => {
    const answer = readiness(controls, asksWriter(c));
    return c.json(answer, answer.ready ? 200 : 503);
  });
  app.get('/metrics', async (c) => {
    const { contentType, text } = await metrics.render();
    return c.body(text, 200, { 'content-type': contentType });
  });
  app.get('/api/v1/version', (c) => c.json(rooms.about));
  app.get('/api/v1/clusters', (c) => c.json(controls.clusters().map((id) => clusterJson(controls, id))));
  app.get('/api/v1/clusters/:cluster', (c) => c.json(clusterJson(controls, namedCluster(c, controls))));
  app.get('/api/v1/clusters/:cluster/failovers', (c) => {
    const records = controls.failovers(namedCluster(c, controls));
    return c.json({ failovers: records.map(failoverJson).reverse() });
  });
  app.get('/api/v1/events', (c) => {
    const since = sinceOf(c);
    if (c.req.query('follow') === 'false') return c.json({ events: eventsSince(controls, since) });
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'content-type': 'text/event-stream' });
    if (controls.shuttingDown()) throw new ApiError('shutting_down', 'Aurelay is shutting down');
    rooms.streams.open(c.env.outgoing, since);
    return RESPONSE_ALREADY_SENT;
  });
  app.get('/api/v1/live', (c) => {
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'content-type': 'text/event-stream' });
    if (controls.shuttingDown()) throw new ApiError('shutting_down', 'Aurelay is shutting down');
    rooms.live.open(c.env.outgoing);
    return RESPONSE_ALREADY_SENT;
  });
  app.get('/api/v1/history', (c) => c.json(rooms.history.json(momentOf(c.req.query('since')))));
}

function addCommands(app: Hono<Env>, rooms: Rooms): void {
  const { controls } = rooms;
  app.post('/api/v1/clusters/:cluster/failover', async (c) => {
    const cluster = namedCluster(c, controls);
    await readBody(c.env.incoming, []);
    const force = c.req.query('force') === 'true';
    const what = `failover ${cluster}${force ? ' --force' : ''}`;
    return command(c, rooms, { command: what, cluster }, () => controls.failover(cluster, force));
  });
  app.post('/api/v1/clusters/:cluster/switchover', async (c) => {
    const cluster = namedCluster(c, controls);
    const { to } = await readBody(c.env.incoming, ['to']);
    const target = knownInstance(controls, cluster, to ?? '');
    const dryRun = c.req.query('dry_run') === 'true';
    const what = `switchover ${cluster} --to ${target}${dryRun ? ' --dry-run' : ''}`;
    return command(c, rooms, { command: what, cluster, instance: target }, () =>
      controls.switchover(cluster, target, dryRun),
    );
  });
  app.post('/api/v1/reload', async (c) => {
    await readBody(c.env.incoming, []);
    return c.json(await reload(c, rooms));
  });
  for (const [verb, drained] of [
    ['drain', true],
    ['undrain', false],
  ] as const) {
    app.post(`/api/v1/clusters/:cluster/instances/:instance/${verb}`, async (c) => {
      const cluster = namedCluster(c, controls);
      const instance = knownInstance(controls, cluster, c.req.param('instance'));
      await readBody(c.env.incoming, []);
      const what = `${verb} ${instance} --cluster ${cluster}`;
      return command(c, rooms, { command: what, cluster, instance }, () =>
        controls.drain(cluster, instance, drained),
      );
    });
  }
}

/** Not with the deadline of commands: it has one of its own, and ends as it ends. */
async function reload(c: Context<Env>, { controls, logger }: Rooms): Promise<ReloadJson> {
  if (controls.shuttingDown()) throw new ApiError('shutting_down', 'Aurelay is shutting down');
  tellOfCommand(c, logger, { command: 'reload' });
  const result = await controls.reload();
  if (result.ok) return { message: result.message, outcome: result.outcome };
  if (result.outcome === 'refused') throw new ApiError('conflict', result.message);
  throw new ApiError('invalid_config', result.message, {
    diagnostics: result.diagnostics.map(diagnosticJson),
  });
}

async function command(
  c: Context<Env>,
  rooms: Rooms,
  what: Command,
  run: () => Promise<CommandResult>,
): Promise<Response> {
  if (rooms.controls.shuttingDown()) throw new ApiError('shutting_down', 'Aurelay is shutting down');
  tellOfCommand(c, rooms.logger, what);
  const result = await withDeadline(run(), rooms.commandTimeoutMs, what.command);
  if (!result.ok) {
    const fields = { ...what, 'client.address': clientOf(c), reason: result.kind };
    tell(rooms.logger, 'admin.command-refused', fields, `${what.command}: ${result.message}`);
    throw new ApiError(result.kind, result.message);
  }
  const answer: CommandJson = { message: result.message, writer: result.writer, epoch: result.epoch };
  return c.json(answer);
}

function tellOfCommand(c: Context<Env>, logger: LineLogger, what: Command): void {
  const fields = { ...what, 'client.address': clientOf(c) };
  tell(logger, 'admin.command', fields, `asked for over the admin API: ${what.command}`);
}

/** Null where it is gone already. */
const clientOf = (c: Context<Env>): string | null => c.env.incoming.socket.remoteAddress ?? null;

/** The controller has deadlines of its own; this one only keeps a request from waiting for ever on its bug. */
async function withDeadline(
  result: Promise<CommandResult>,
  timeoutMs: number,
  what: string,
): Promise<CommandResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CommandResult>((resolve) => {
    const message = `${what}: no outcome after ${timeoutMs} ms; it may still go on, see \`aurelay status\``;
    timer = setTimeout(() => resolve({ ok: false, kind: 'timeout', message }), timeoutMs);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}

function namedCluster(c: Context<Env>, controls: Controls): ClusterId {
  const name = c.req.param('cluster') ?? '';
  const known = controls.clusters();
  const found = known.find((cluster) => cluster === name);
  if (found !== undefined) return found;
  throw new ApiError('unknown_cluster', `no cluster "${name}"; there is ${listed(known)}`);
}

function knownInstance(controls: Controls, cluster: ClusterId, name: string): InstanceId {
  const known = [...controls.config(cluster).instances.keys()];
  const found = known.find((instance) => instance === name);
  if (found !== undefined) return found;
  throw new ApiError(
    'unknown_instance',
    `no instance "${name}" in cluster "${cluster}"; there is ${listed(known)}`,
  );
}

const listed = (names: readonly string[]): string => names.join(', ') || 'none';

/** A stream that breaks is opened again by browsers with the header, which is then newer than the query. */
/** As Kubernetes' own API server takes it: `?exclude=NAME` leaves one of the checks out. */
function asksWriter(c: Context<Env>): boolean {
  const excluded = c.req.queries('exclude') ?? [];
  const unknown = excluded.find((name) => name !== 'writer');
  if (unknown === undefined) return excluded.length === 0;
  throw new ApiError('bad_request', `exclude takes "writer", not "${unknown}"`);
}

function sinceOf(c: Context<Env>): number {
  const text = c.req.header('last-event-id') ?? c.req.query('since') ?? '0';
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new ApiError('bad_request', `since is the number of an event (its id), not "${text}"`);
}

function momentOf(text = '0'): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new ApiError('bad_request', `since is a moment in milliseconds since 1970, not "${text}"`);
}

function provenance(c: Context<Env>) {
  const { method, headers } = c.env.incoming;
  return {
    method: method ?? '',
    host: headers.host,
    origin: headers.origin,
    contentType: headers['content-type'],
    hasBody: Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined,
  };
}

const failed = (c: Context, error: ApiError): Response => c.json(error.toJSON(), error.status);
