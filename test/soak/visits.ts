import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Prng, randomIndex } from '../../src/base/prng.ts';
import { connect, type EngineUnderTest } from '../support/engines-under-test.ts';
import { type BareClient, connectBare } from './bare-client.ts';

/** Where the visitors go, and what they decide by. */
export interface Site {
  readonly engine: EngineUnderTest;
  readonly ports: Readonly<Record<'writer' | 'reader', number>>;
  readonly prng: Prng;
  /** Destroyed when the visit takes too long. */
  keep(socket: Socket): void;
}

/** One client, from its knock to its end. Throws where it was not served: failovers happen meanwhile. */
export type Visit = (site: Site) => Promise<void>;

/** About 10 MB; a recursion that every engine allows. */
const bulk =
  'WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) ' +
  "SELECT REPEAT('x', 11000) AS x FROM n";
/** What a client waits for the other side to close, where that is what it came for. */
const closeDeadlineMs = 5_000;

const chance = ({ prng }: Site, share: number): boolean => prng.next() < share;
const upTo = ({ prng }: Site, most: number): number => randomIndex(prng, most);
const somePort = (site: Site): number => site.ports[chance(site, 0.4) ? 'writer' : 'reader'];
const sleeping = ({ engine }: Site, seconds: number): string =>
  engine.cluster === 'pg' ? `SELECT pg_sleep(${seconds})` : `SELECT SLEEP(${seconds})`;

async function bare(site: Site, port = somePort(site)): Promise<BareClient> {
  const client = await connectBare(site.engine.cluster, port);
  site.keep(client.socket);
  return client;
}

function knock(site: Site, allowHalfOpen = false): Socket {
  const socket = connectTcp({ host: '127.0.0.1', port: somePort(site), allowHalfOpen });
  socket.on('error', () => {});
  site.keep(socket);
  return socket;
}

/** Resolves when it is closed, or when that has taken too long, and then destroys it. */
async function untilClosed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await Promise.race([once(socket, 'close'), sleep(closeDeadlineMs)]).catch(() => {});
  socket.destroy();
}

/** A connection of a pool: many statements, with pauses. */
const pooled: Visit = async (site) => {
  const driver = site.engine.drivers[upTo(site, site.engine.drivers.length)];
  const client = await driver?.connect({ port: somePort(site) });
  try {
    for (let left = 3 + upTo(site, 15); left > 0; left--) {
      await client?.query('SELECT 1');
      await sleep(upTo(site, 30));
    }
  } finally {
    await client?.close();
  }
};

const short: Visit = async (site) => {
  const client = await connect(site.engine, somePort(site));
  await client.query('SELECT 1').finally(() => client.close());
};

const idle: Visit = async (site) => {
  const client = await connect(site.engine, somePort(site));
  await Promise.race([sleep(500 + upTo(site, 2_000)), client.ended]);
  await client.close();
};

const bulkRead: Visit = async (site) => {
  const client = await connect(site.engine, somePort(site));
  await client.query(bulk).finally(() => client.close());
};

/** Asks for more than it reads, and goes away with the rest under way. */
const stopsReading: Visit = async (site) => {
  const client = await bare(site);
  client.query(bulk).catch(() => {});
  await once(client.socket, 'readable').catch(() => {});
  client.socket.pause();
  await sleep(200 + upTo(site, 1_000));
  if (chance(site, 0.5)) client.socket.resetAndDestroy();
  else client.socket.destroy();
};

/** Ends with a reset: idle, or in the middle of a statement. */
const resets: Visit = async (site) => {
  const client = await bare(site);
  if (chance(site, 0.5)) client.query(sleeping(site, 1)).catch(() => {});
  await sleep(upTo(site, 50));
  client.socket.resetAndDestroy();
};

/** Half of PostgreSQL's startup message; of use to MySQL as nonsense. */
const half = Buffer.from([0, 0, 0, 41, 0, 3, 0, 0, 117, 115]);

/** Is gone, or says nothing more, in the middle of the handshake. */
const vanishes: Visit = async (site) => {
  const socket = knock(site);
  await once(socket, 'connect');
  const manner = upTo(site, 4);
  if (manner > 0) socket.write(half.subarray(0, 1 + upTo(site, half.length)));
  await sleep(upTo(site, 30));
  if (manner === 1) socket.resetAndDestroy();
  else if (manner === 2) socket.destroy();
  else await untilClosed(socket);
};

/** Says nonsense. */
const babbles: Visit = async (site) => {
  const socket = knock(site);
  await once(socket, 'connect');
  socket.write(Buffer.alloc(64, 255));
  await untilClosed(socket);
};

/** Closes its own half, before its login or behind a statement, and waits for the other. */
const halfOpen: Visit = async (site) => {
  if (chance(site, 0.5)) {
    const socket = knock(site, true);
    await once(socket, 'connect');
    socket.end();
    await untilClosed(socket);
    return;
  }
  const { socket, query } = await bare(site);
  query(sleeping(site, 0.2)).catch(() => {});
  socket.end();
  await untilClosed(socket);
};

const cancels: Visit = async (site) => {
  const port = site.ports.writer;
  const client = await bare(site, port);
  const canceled = client.query(sleeping(site, 10)).catch(() => {});
  await sleep(20 + upTo(site, 100));
  if (client.cancelRequest === null) {
    const other = await connect(site.engine, port);
    await other
      .query(`KILL QUERY ${client.number}`)
      .catch(() => {})
      .finally(() => other.close());
  } else {
    const socket = connectTcp({ host: '127.0.0.1', port });
    socket.on('error', () => {});
    site.keep(socket);
    socket.end(client.cancelRequest);
    await untilClosed(socket);
  }
  // A failover may have come between: then nothing of it is there any more.
  await Promise.race([canceled, sleep(closeDeadlineMs)]);
  client.socket.destroy();
};

/** The server ends the session. */
const isSentAway: Visit = async (site) => {
  const { socket, query } = await bare(site);
  const end = site.engine.cluster === 'pg' ? 'SELECT pg_terminate_backend(pg_backend_pid())' : null;
  query(end ?? 'KILL CONNECTION_ID()').catch(() => {});
  await untilClosed(socket);
};

/** The server does not let it in. */
const isRefused: Visit = async (site) => {
  const [driver] = site.engine.drivers;
  const client = await driver
    ?.connect({ port: somePort(site), database: 'no_such_database' })
    .catch(() => null);
  await client?.close();
};

/** How often each comes. */
export const visits = {
  pooled: { visit: pooled, weight: 6 },
  short: { visit: short, weight: 10 },
  idle: { visit: idle, weight: 3 },
  'bulk read': { visit: bulkRead, weight: 1 },
  'stops reading': { visit: stopsReading, weight: 2 },
  resets: { visit: resets, weight: 4 },
  vanishes: { visit: vanishes, weight: 4 },
  babbles: { visit: babbles, weight: 2 },
  'half open': { visit: halfOpen, weight: 3 },
  cancels: { visit: cancels, weight: 2 },
  'sent away': { visit: isSentAway, weight: 2 },
  refused: { visit: isRefused, weight: 2 },
} as const satisfies Record<string, { readonly visit: Visit; readonly weight: number }>;

export type VisitName = keyof typeof visits;

export function drawVisit(prng: Prng): VisitName {
  const names = Object.keys(visits) as VisitName[];
  const total = names.reduce((sum, name) => sum + visits[name].weight, 0);
  let ticket = randomIndex(prng, total);
  for (const name of names) {
    ticket -= visits[name].weight;
    if (ticket < 0) return name;
  }
  return 'short';
}
