import assert from 'node:assert/strict';
import type { InstanceId } from '../../src/base/brand.ts';
import type { QuorumPolicy } from '../../src/cluster/durability.ts';
import type { SimServer } from './sim-server.ts';
import { World } from './world.ts';

const faultsForMs = 20_000;
const healsWithinMs = 60_000;
const minIntervalMs = 5_000;
const replacedWithinMs = 10_000;
const operatorLooksEveryMs = 1_000;
/** After everything has healed, before somebody puts up with a loss. */
const patienceMs = 20_000;

export interface Run {
  readonly seed: number;
  readonly epochs: number;
  readonly acknowledged: number;
  /** Writes that were promised for ever; 0 without quorum durability. */
  readonly promised: number;
  /** Somebody had to put up with losing writes, since too few copies were left that may be believed. */
  readonly forced: boolean;
}

/** One disaster: faults for a while, then peace. Throws, with the trace, where an invariant breaks. */
export async function simulate(seed: number): Promise<Run> {
  const servers = 2 + (seed % 4);
  const durability = quorumOf(seed, servers);
  const world = new World(seed, { servers, mode: 'automatic', durability });
  try {
    world.startAurelay();
    await world.clock.runUntil(2_000);
    checkFatal(world);
    while (world.clock.now() < faultsForMs) {
      await world.clock.runUntil(world.clock.now() + world.between(10, 2_500));
      checkFatal(world);
      fault(world, durability !== null);
    }
    world.heal();
    const healedAt = world.clock.now();
    const until = healedAt + healsWithinMs;
    let forced = false;
    let peaceful = 0;
    while (world.clock.now() < until && peaceful < 3) {
      await world.clock.runUntil(world.clock.now() + operatorLooksEveryMs);
      checkFatal(world);
      operator(world);
      if (!forced && world.clock.now() - healedAt > patienceMs) forced = force(world);
      peaceful = isPeaceful(world) ? peaceful + 1 : 0;
    }
    checkPeace(world);
    await drill(world);
    const { view } = world;
    if (view?.writer != null) world.checkPromise(view.writer);
    const { acknowledged, promises } = world;
    return { seed, epochs: view?.epoch ?? 0, acknowledged, promised: promises, forced };
  } catch (error) {
    const trace = world.trace.slice(-80).join('\n');
    throw new Error(`seed ${seed}: ${(error as Error).message}\n${trace}`, { cause: error });
  } finally {
    world.controller?.stop();
  }
}

/** Every other world of three servers or more; seldom one that gives up its promise rather than wait. */
function quorumOf(seed: number, copies: number): QuorumPolicy | null {
  if (copies < 3 || seed % 8 >= 4) return null;
  const writeQuorum = seed % 3 === 0 ? copies - 1 : Math.floor(copies / 2) + 1;
  const onLostQuorum = seed % 5 === 0 ? 'degrade' : 'stall';
  return { copies, writeQuorum, onLostQuorum, degradeAfterMs: 2_000 };
}

function checkFatal(world: World): void {
  if (world.fatal !== null) throw world.fatal;
}

function isPeaceful({ view }: World): boolean {
  if (view?.writer == null) return false;
  return [...view.instances.values()].every(({ health, deposed }) => health === 'healthy' && !deposed);
}

/** After peace has come, a writer is served, it is writable, and nobody else is. */
function checkPeace(world: World): void {
  const { view } = world;
  assert.ok(view !== null);
  assert.equal(view.phase, 'stable', `no peace: ${view.phase} (${view.reason})`);
  const writable = [...world.servers.values()].filter((server) => server.running && server.writable);
  assert.deepEqual(
    writable.map(({ instance }) => instance.id),
    [view.writer],
    'the writer is not the only writable server',
  );
  for (const { instance, health, deposed } of view.instances.values()) {
    assert.ok(
      health === 'healthy' && !deposed,
      `${instance.id} is ${health}${deposed ? ' and deposed' : ''}`,
    );
  }
}

/** In peace again, the writer is lost once more, and is replaced in time by itself. */
async function drill(world: World): Promise<void> {
  await world.clock.runUntil(world.clock.now() + minIntervalMs);
  const before = world.view;
  const writer = before?.writer == null ? undefined : world.servers.get(before.writer);
  assert.ok(before !== null && writer !== undefined);
  if (world.prng.next() < 0.5) world.crash(writer);
  else world.freeze(writer, true);
  await world.clock.runUntil(world.clock.now() + replacedWithinMs);
  checkFatal(world);
  const { view } = world;
  assert.ok(
    view?.writer != null && view.writer !== before.writer,
    `the writer was not replaced (${view?.reason})`,
  );
}

type Fault = (world: World, server: SimServer) => void;

/** Nobody and nothing is safe from somebody who promotes by hand. */
const promotedByHand: Fault = (world, server) => {
  if (!server.answers || server.writable) return;
  world.log(`somebody promotes ${server.instance.id} by hand`);
  server.promote();
};

const faults: readonly Fault[] = [
  (world, server) => world.crash(server),
  (world, server) => world.crash(server),
  (world, server) => world.start(server),
  (world, server) => world.start(server),
  (world, server) => world.freeze(server, true),
  (world, server) => world.freeze(server, false),
  (world, server) => world.cut(server, world.pick([['in'], ['out'], ['in', 'out']] as const)),
  (world, server) => world.cut(server, []),
  (world, server) => {
    server.lagMs = world.pick([0, 500, 950]);
  },
  (world, server) => world.cutReplication(server, world.pick([...world.servers.values()])),
  (world) => {
    world.lostAnswers += 1;
  },
  (world) => {
    world.crashAurelay();
    world.clock.after(world.between(0, 3_000), () => world.startAurelay());
  },
  promotedByHand,
  (world) => void world.controller?.failover(),
  (world, server) => void world.controller?.switchover(server.instance.id),
  (world, server) => void world.controller?.drain(server.instance.id, world.prng.next() < 0.3),
  (world, server) => rebuild(world, server),
  (world) => world.reload('any'),
  (world) => world.reload('any'),
];

function fault(world: World, isQuorum: boolean): void {
  const servers = [...world.servers.values()];
  const writer = world.view?.writer == null ? undefined : world.servers.get(world.view.writer);
  const server = writer !== undefined && world.prng.next() < 0.5 ? writer : world.pick(servers);
  const chosen = world.pick(faults);
  if (!isQuorum || chosen !== promotedByHand) chosen(world, server);
}

/** `aurelay failover --force`, where everybody is back and a quorum of copies is not. */
function force(world: World): boolean {
  const { view, controller } = world;
  if (view?.phase !== 'suspect' || !/copies answer that a failover needs/.test(view.reason ?? ''))
    return false;
  world.forgive();
  void controller?.failover(true);
  return true;
}

/** Starts a deposed server over as a replica of the current writer. */
function rebuild(world: World, server: SimServer): void {
  const view = world.view;
  if (view?.writer == null || view.instances.get(server.instance.id)?.deposed !== true) return;
  const writer = world.servers.get(view.writer);
  if (writer === undefined || writer === server || !writer.answers) return;
  world.log(`somebody rebuilds ${server.instance.id} from ${view.writer}`);
  server.rebuildFrom(writer);
}

/** What the docs tell a person to do. */
function operator(world: World): void {
  const { view, controller } = world;
  world.reload('whole');
  if (view === null || controller === null) return;
  for (const [id, { drained }] of view.instances) if (drained) void controller.drain(id, false);
  if (view.phase === 'operator-required') {
    const claims = [...world.servers.values()].filter(({ writable }) => writable);
    const trusted = claims.filter(({ instance }) => view.instances.get(instance.id)?.deposed !== true);
    if (trusted.length > 1) {
      const keep = trusted.reduce((best, server) => (server.timeline > best.timeline ? server : best));
      for (const server of trusted) {
        if (server === keep) continue;
        world.log(`somebody makes ${server.instance.id} read-only`);
        server.readOnly = true;
      }
      return;
    }
    void controller.failover();
    return;
  }
  if (view.writer === null) return;
  for (const [id, { deposed, replicating, role }] of view.instances) {
    const server = world.servers.get(id as InstanceId);
    if (server === undefined) continue;
    if (deposed) rebuild(world, server);
    else if (role === 'replica' && !replicating) {
      const writer = world.servers.get(view.writer);
      if (writer !== undefined) server.rebuildFrom(writer);
    }
  }
}
