import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterJson } from '../../src/admin/api.ts';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { signalProcess } from '../../src/demo/running-server.ts';
import type { EngineUnderTest } from '../support/engines-under-test.ts';
import { type AurelayProcess, spawnAurelay } from '../support/running-aurelay.ts';
import type { Cleanup } from '../support/servers.ts';
import { CutRelay } from './cut-relay.ts';
import { type Builder, builderFor, serverProcesses } from './rebuild.ts';

const mendDeadlineMs = 90_000;
/** A deposed MySQL server comes back by itself where its transactions allow, and is left the time to. */
const graceMs = { pg: 0, mysql: 3_000 } as const;

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
}

/** A real Aurelay process in front of the servers. */
export interface Rig extends Servers {
  readonly aurelay: AurelayProcess;
  /** Whether traffic goes through `ways`. */
  readonly isRelayed: boolean;
}

export async function startServers(t: Cleanup, engine: EngineUnderTest): Promise<Servers> {
  const cluster = await engine.start(t, { replicas: 2 });
  const builder = await builderFor(t, cluster);
  const ways = new Map<string, Ways>();
  for (const { id, port } of cluster.instances) {
    ways.set(id, { door: await CutRelay.start(t, port), link: await CutRelay.start(t, port) });
  }
  return { engine, cluster, builder, ways };
}

/** `relayed`: Aurelay reaches the servers, and they each other, through relays that can be cut. */
export async function startRig(
  t: Cleanup,
  servers: Servers,
  options: { readonly relayed: boolean; readonly writer: string },
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
  const aurelay = await spawnAurelay(t, { cluster, ...(options.relayed ? { instances: addresses } : {}) });
  return { ...servers, aurelay, isRelayed: options.relayed };
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

/** One writer, and everybody else a healthy replica of it. */
export const isWhole = ({ phase, writer, instances }: ClusterJson): boolean =>
  phase === 'stable' &&
  instances.every(
    ({ id, health, deposed, role, replicating }) =>
      health === 'healthy' &&
      !deposed &&
      (id === writer ? role === 'writer' : role === 'replica' && replicating),
  );

/** Takes back every fault, and makes a replica of whoever has lost its place. */
export async function mend(rig: Rig): Promise<ClusterJson> {
  const { cluster, engine, aurelay } = rig;
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
    if (isWhole(status)) return status;
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs > mendDeadlineMs) throw new Error(`not mended: ${JSON.stringify(status)}`);
    stableAt = status.phase === 'stable' ? (stableAt ?? performance.now()) : null;
    for (const { id, deposed } of status.instances) {
      const instance = instanceOf(rig, id);
      if (deposed) {
        if (stableAt === null || status.writer === null) continue;
        if (instance.pid() !== null && performance.now() - stableAt < graceMs[engine.cluster]) continue;
        await rig.builder.rebuild(instance, sourceOf(rig, status.writer));
        await untilUndeposed(rig, id);
        // One after the other: the next look may find another writer.
        break;
      }
      if (instance.pid() === null) await instance.start();
    }
    await sleep(100);
  }
}

/** A fresh replica is not made again while Aurelay has not looked at it. */
async function untilUndeposed({ aurelay }: Rig, id: string): Promise<void> {
  const giveUpAt = performance.now() + 15_000;
  while (performance.now() < giveUpAt) {
    const { instances, phase } = await aurelay.status();
    if (phase !== 'stable' || instances.find((instance) => instance.id === id)?.deposed === false) return;
    await sleep(50);
  }
}
