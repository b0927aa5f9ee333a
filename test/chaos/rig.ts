import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterJson, InstanceJson } from '../../src/admin/api.ts';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { signalProcess } from '../../src/demo/running-server.ts';
import type { EngineUnderTest } from '../support/engines-under-test.ts';
import { type AurelayProcess, spawnAurelay } from '../support/running-aurelay.ts';
import type { Cleanup } from '../support/servers.ts';
import { CutRelay } from './cut-relay.ts';
import { type Builder, builderFor, serverProcesses } from './rebuild.ts';
import { SmallDisk } from './small-disk.ts';

/** MySQL and MariaDB look only once a minute whether a full disk has room again. */
const mendDeadlineMs = 150_000;
/** A deposed MySQL server comes back by itself where its transactions allow, and is left the time to. */
const graceMs = { pg: 0, mysql: 3_000 } as const;

/** A replica that Aurelay has pointed at the new writer follows it within this, or never will. */
const strandedMs = 8_000;

/** The two ways into a server that can be cut: Aurelay's, and its replicas'. */
export interface Ways {
  readonly door: CutRelay;
  readonly link: CutRelay;
}

/** A cluster of three of real servers, and what is needed to break and mend it. */
export interface Servers {
  readonly engine: EngineUnderTest;
  readonly cluster: EmbeddedCluster;
  readonly builder: Builder;
  /** By instance id. */
  readonly ways: ReadonlyMap<string, Ways>;
  /** The disk that one of them has for itself, where there is one. */
  readonly disk: SmallDisk | null;
}

/** A real Aurelay process in front of the servers. */
export interface Rig extends Servers {
  readonly aurelay: AurelayProcess;
  /** Whether traffic goes through `ways`. */
  readonly isRelayed: boolean;
  /** Replicas that had more than the new writer, so that they could not follow it; made again by `mend`. */
  readonly stranded: string[];
  /** Who held each epoch, as `mend` saw it in the end. */
  readonly seen: Map<number, string>;
}

export async function startServers(
  t: Cleanup,
  engine: EngineUnderTest,
  options: { readonly smallDisk?: boolean } = {},
): Promise<Servers> {
  const cluster = await engine.start(t, { replicas: 2 });
  const builder = await builderFor(t, cluster);
  const [, second] = cluster.instances;
  const disk = options.smallDisk && second !== undefined ? await SmallDisk.under(t, second) : null;
  const ways = new Map<string, Ways>();
  for (const { id, port } of cluster.instances) {
    ways.set(id, { door: await CutRelay.start(t, port), link: await CutRelay.start(t, port) });
  }
  return { engine, cluster, builder, ways, disk };
}

/** `relayed`: Aurelay reaches the servers, and they each other, through relays that can be cut. */
export async function startRig(
  t: Cleanup,
  servers: Servers,
  options: {
    readonly relayed: boolean;
    readonly writer: string;
    readonly durability?: object;
    readonly endpoints?: Readonly<Record<string, object>>;
    readonly nodeArguments?: readonly string[];
  },
): Promise<Rig> {
  const { cluster, ways, builder } = servers;
  const source = sourceOf({ ...servers, isRelayed: options.relayed }, options.writer);
  for (const instance of cluster.instances) {
    if (instance.id !== options.writer) await builder.repoint(instance, source);
  }
  const addresses = Object.fromEntries(
    [...ways].map(([id, { door, link }]) => [
      id,
      { address: `127.0.0.1:${door.port}`, replication_address: `127.0.0.1:${link.port}` },
    ]),
  );
  const { durability, endpoints, nodeArguments = [] } = options;
  const aurelay = await spawnAurelay(
    t,
    {
      cluster,
      ...(options.relayed ? { instances: addresses } : {}),
      ...(durability === undefined ? {} : { durability }),
      ...(endpoints === undefined ? {} : { endpoints }),
    },
    { nodeArguments },
  );
  return { ...servers, aurelay, isRelayed: options.relayed, stranded: [], seen: new Map() };
}

export function instanceOf({ cluster }: Pick<Servers, 'cluster'>, id: string): EmbeddedInstance {
  const found = cluster.instances.find((instance) => instance.id === id);
  assert(found !== undefined, `${id} is an instance`);
  return found;
}

export function waysTo({ ways }: Servers, id: string): Ways {
  const found = ways.get(id);
  assert(found !== undefined, `${id} is an instance`);
  return found;
}

function sourceOf(servers: Servers & { readonly isRelayed: boolean }, id: string) {
  const instance = instanceOf(servers, id);
  return { instance, port: servers.isRelayed ? waysTo(servers, id).link.port : instance.port };
}

/** One writer, everybody else a healthy replica of it, and what is promised of commits is kept. */
export const isWhole = (status: ClusterJson): boolean =>
  status.phase === 'stable' &&
  (status.durability.mode === 'async' || status.durability.state === 'secured') &&
  status.instances.every((instance) =>
    instance.id === status.writer
      ? instance.health === 'healthy' && instance.role === 'writer'
      : isReplica(instance, status),
  );

const isReplica = (instance: InstanceJson, status: ClusterJson): boolean =>
  instance.health === 'healthy' &&
  !instance.deposed &&
  instance.role === 'replica' &&
  instance.replicating &&
  sharesHistory(instance, status);

/** PostgreSQL's receiver starts again and again where the timelines have parted, and counts as streaming meanwhile. */
function sharesHistory(instance: InstanceJson, { engine, writer, instances }: ClusterJson): boolean {
  if (engine !== 'postgres') return true;
  const timeline = (position: string | null | undefined) => position?.split('/')[0];
  return timeline(instance.position) === timeline(instances.find(({ id }) => id === writer)?.position);
}

/** Takes back every fault, and makes a replica of whoever has lost its place. */
export async function mend(rig: Rig): Promise<ClusterJson> {
  const { cluster, aurelay } = rig;
  rig.disk?.free();
  for (const { door, link } of rig.ways.values()) {
    door.heal();
    link.heal();
  }
  for (const instance of cluster.instances) {
    for (const pid of serverProcesses(instance)) signalProcess(pid, 'SIGCONT');
  }
  const startedAt = performance.now();
  let stableAt: number | null = null;
  for (;;) {
    const status = await aurelay.status();
    if (isWhole(status)) {
      if (status.writer !== null) rig.seen.set(status.epoch, status.writer);
      return status;
    }
    const now = performance.now();
    if (now - startedAt > mendDeadlineMs) throw new Error(`not mended: ${JSON.stringify(status)}`);
    stableAt = status.phase === 'stable' ? (stableAt ?? now) : null;
    await mendOne(rig, status, stableAt === null ? 0 : now - stableAt);
    await sleep(100);
  }
}

/** One server, since the next look may find another writer. `stableMs`: 0 while it is not. */
async function mendOne(rig: Rig, status: ClusterJson, stableMs: number): Promise<void> {
  for (const known of status.instances) {
    const { id, deposed } = known;
    const instance = instanceOf(rig, id);
    const runs = instance.pid() !== null;
    if (!runs && !deposed) return instance.start();
    if (stableMs === 0 || status.writer === null || id === status.writer) continue;
    const isStranded = !deposed && stableMs > strandedMs && !isReplica(known, status);
    if (isStranded) rig.stranded.push(id);
    else if (!deposed || (runs && stableMs < graceMs[rig.engine.cluster])) continue;
    const disk = rig.disk?.instance === instance ? rig.disk : null;
    await rig.builder.rebuild(instance, sourceOf(rig, status.writer), disk);
    return untilReplica(rig, id);
  }
}

/** A fresh replica is not made again while Aurelay has not looked at it. */
async function untilReplica({ aurelay }: Rig, id: string): Promise<void> {
  const giveUpAt = performance.now() + 15_000;
  while (performance.now() < giveUpAt) {
    const status = await aurelay.status();
    const instance = status.instances.find((known) => known.id === id);
    if (status.phase !== 'stable' || instance === undefined || isReplica(instance, status)) return;
    await sleep(50);
  }
}
