import assert from 'node:assert/strict';
import type { Epoch, InstanceId } from '../../src/base/brand.ts';
import { type Prng, randomIndex, seededPrng } from '../../src/base/prng.ts';
import type { QuorumPolicy } from '../../src/cluster/durability.ts';
import type { Memory } from '../../src/cluster/memory.ts';
import type { Observation, ProbeFailureReason } from '../../src/cluster/observation.ts';
import type { Position } from '../../src/cluster/position.ts';
import type { ClusterView } from '../../src/cluster/view.ts';
import type { ClusterConfig } from '../../src/config/config.ts';
import { Controller } from '../../src/control/controller.ts';
import type { Story } from '../../src/control/narrate.ts';
import type { StateStore } from '../../src/control/state-store.ts';
import type { Supervisor } from '../../src/control/supervisor.ts';
import {
  type Engine,
  OperationFailed,
  type Operations,
  type Probe,
  type ProbeResult,
} from '../../src/engines/engine.ts';
import { plainClient } from '../../src/tls/tls-client.ts';
import { testInstance } from '../cluster/scenario.ts';
import { defaultClusterConfig } from '../support/default-cluster-config.ts';
import { SimClock } from './sim-clock.ts';
import { type Entry, SimServer, simPositions } from './sim-server.ts';

/**
 * A client's connection: it stays with its server until somebody closes it. Through the writer endpoint, or (`direct`)
 * past Aurelay, where only the server itself can end it and Aurelay's network does not matter.
 */
interface Session {
  readonly direct: boolean;
  readonly server: SimServer;
  readonly run: number;
  readonly epoch: Epoch;
  open: boolean;
}

/** A write whose client waits to be told of it. */
interface Waiting {
  readonly session: Session;
  readonly entry: Entry;
  readonly index: number;
}

export interface WorldOptions {
  readonly servers: number;
  readonly mode: 'automatic' | 'observe';
  readonly durability?: QuorumPolicy | null;
}

const replicationTickMs = 100;
/** How long a replica goes on believing that it hears a silent source. */
const receiverTimeoutMs = 3_000;

/**
 * Servers, the network between them and Aurelay, clients that write, and Aurelay's real controller: everything but the
 * controller is simulated, and everything follows from the seed.
 */
export class World {
  readonly clock = new SimClock();
  readonly prng: Prng;
  readonly servers = new Map<InstanceId, SimServer>();
  readonly trace: string[] = [];
  controller: Controller | null = null;
  /** What is on Aurelay's disk. */
  private disk: Memory | null = null;
  /** Servers whose packets to (`in`) or from (`out`) Aurelay are lost. */
  private readonly cuts = new Map<InstanceId, Set<'in' | 'out'>>();
  /** Pairs of servers that do not reach each other: `replica<source`. */
  private readonly replicationCuts = new Set<string>();
  private readonly probes = new Map<InstanceId, Probe>();
  private readonly sessions = new Set<Session>();
  private readonly writers = new Map<Epoch, InstanceId>();
  private readonly copiesInOffice = new Map<InstanceId, number>();
  /** The newest in which sessions were let in. */
  private newestEpoch = 0;
  private writes = 0;
  /** Promotions whose answer is lost, to come. */
  lostAnswers = 0;
  acknowledged = 0;
  private config: ClusterConfig;
  /** With every server, as at the beginning. */
  private readonly whole: ClusterConfig;

  /** Writes that their clients were told of. */
  private readonly told = new Set<number>();
  /** Those that were promised never to be lost. */
  private readonly promised = new Set<number>();
  private waiting: Waiting[] = [];

  constructor(seed: number, options: WorldOptions) {
    this.prng = seededPrng(seed);
    const instances = Array.from({ length: options.servers }, (_, index) =>
      testInstance(`s${index + 1}`, { promotionTier: randomIndex(this.prng, 2) }),
    );
    for (const instance of instances) {
      const first = this.servers.size === 0 ? null : (instances[0]?.id ?? null);
      this.servers.set(instance.id, new SimServer(instance, first));
    }
    this.config = defaultClusterConfig('sim', instances, {
      durability: options.durability ?? null,
      failover: {
        mode: options.mode,
        maxHeld: 100,
        minIntervalMs: this.prng.next() < 0.5 ? 0 : 5_000,
        promoteTimeoutMs: 5_000,
      },
    });
    this.whole = this.config;
    this.supervised = this.prng.next() < 0.5;
    const replicate = (): void => {
      this.replicate();
      this.clock.after(replicationTickMs, replicate);
    };
    replicate();
    for (let client = 0; client < 3; client += 1)
      this.clock.after(this.between(0, 50), () => this.write(null));
    if (options.durability != null) this.clock.after(this.between(0, 50), () => this.writeDirectly(null));
  }

  between(least: number, most: number): number {
    return least + Math.floor(this.prng.next() * (most - least + 1));
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[randomIndex(this.prng, values.length)] as Value;
  }

  get view(): ClusterView | null {
    return this.controller?.view ?? null;
  }

  log(words: string): void {
    this.trace.push(`${String(Math.round(this.clock.now())).padStart(7)}  ${words}`);
  }

  // ---- Aurelay ----

  startAurelay(): void {
    if (this.controller !== null) return;
    this.log('aurelay starts');
    this.lives += 1;
    const controller = new Controller({
      config: this.config,
      engine: this.engine,
      tls: plainClient,
      clock: this.clock,
      prng: this.prng,
      store: this.store(),
      supervisor: this.supervised ? this.supervisor() : null,
      closeSessions: async (instance) => this.closeSessions(instance),
      onView: (view) => this.check(view),
      onStory: (story: Story) => {
        this.log(`  ${story.name}: ${story.message}`);
        // From here on Aurelay says itself that writes may be lost.
        if (story.name === 'durability.degraded') this.promised.clear();
        if (story.name === 'durability.lowered') this.lowered();
        if (story.name === 'durability.secured') this.promiseAll();
        assert.notEqual(story.name, 'durability.broken', 'nobody touches a server’s quorum but Aurelay');
      },
      onReceipt: () => {},
      onDiscard: () => this.clock.sleep(this.between(1, 20)),
      onProbe: () => {},
      onFatal: (error) => {
        this.fatal ??= error;
      },
    });
    this.controller = controller;
    // The configuration may have changed, and the promise with it, just before a crash.
    if ((controller.view.durability?.secured ?? 1) === 1) this.promised.clear();
    controller.start();
  }

  /** Somebody edits the file; a running Aurelay reloads it, or refuses to. */
  reload(change: 'any' | 'whole'): void {
    if (change === 'whole' && this.config === this.whole) return;
    const config = change === 'whole' ? this.whole : this.otherConfig();
    const { controller } = this;
    const supervisor = this.supervised ? this.supervisor() : null;
    const against = controller?.objection(config, supervisor) ?? null;
    const words = `${[...config.instances.keys()].join(' ')}${config.durability === null ? '' : `, ${config.durability.writeQuorum} of ${config.durability.copies}`}`;
    this.log(`reload: ${words}${against === null ? '' : ` (${against.why})`}`);
    if (against !== null) return;
    this.config = config;
    // A choice of the operator's, at once.
    if (config.durability === null) this.promised.clear();
    controller?.reconfigure(config, supervisor, plainClient, words);
  }

  /** Until the writer is told of its new copies, it goes on to count the receipts of the former ones. */
  private lowered(): void {
    if (this.view?.durability?.secured === 1) this.promised.clear();
    const writer = this.view?.writer ?? this.disk?.writer ?? null;
    if (writer !== null) this.countsFormerCopies.add(writer);
  }

  private readonly countsFormerCopies = new Set<InstanceId>();

  /** Some servers of all, the writer perhaps among them; another write quorum; another patience. */
  private otherConfig(): ClusterConfig {
    const all = [...this.whole.instances.values()];
    const kept = all.filter(() => this.prng.next() < 0.75);
    const isQuorum = this.whole.durability !== null && kept.length >= 2 && this.prng.next() < 0.9;
    const least = Math.floor(kept.length / 2) + 1;
    const writeQuorum = this.between(least, Math.max(least, kept.length - 1));
    const durability =
      isQuorum && this.whole.durability !== null
        ? { ...this.whole.durability, copies: kept.length, writeQuorum }
        : null;
    return {
      ...this.whole,
      instances: new Map((kept.length > 0 ? kept : all).map((instance) => [instance.id, instance])),
      health: { ...this.whole.health, fall: this.between(2, 4), rise: this.between(1, 3) },
      durability,
    };
  }

  fatal: unknown = null;
  private lives = 0;
  private readonly supervised: boolean;

  /** A kill -9: nothing is said to anybody, and every session breaks. */
  crashAurelay(): void {
    if (this.controller === null) return;
    this.log('aurelay crashes');
    this.controller.stop();
    this.controller = null;
    this.probes.clear();
    for (const session of this.sessions) session.open = false;
    this.sessions.clear();
  }

  /** A write to disk takes a moment, and one that a crash interrupts may have arrived or not. */
  private store(): StateStore {
    const life = this.lives;
    let last: Promise<void> = Promise.resolve();
    const write = async (memory: Memory): Promise<void> => {
      await this.clock.sleep(this.between(1, 20));
      // A dead process's last write may still land, but not after its successor has begun.
      if (this.lives !== life) return;
      if (this.controller !== null || this.prng.next() < 0.5) this.disk = memory;
    };
    return {
      load: () => this.disk,
      save: (memory) => {
        last = last.then(() => write(memory));
        return last;
      },
    };
  }

  /** Rebuilds a server from whom Aurelay says: in a while, in vain, or with the answer lost in a crash of Aurelay. */
  private supervisor(): Supervisor {
    const life = this.lives;
    return {
      rejoin: async ({ instance, writer }) => {
        const server = this.servers.get(instance.id) as SimServer;
        const source = this.servers.get(writer.id) as SimServer;
        await this.clock.sleep(this.between(200, 4_000));
        if (this.lives !== life || this.controller === null) return new Promise(() => {});
        if (!source.running || source.standby) throw new Error(`${writer.id} cannot be copied`);
        if (this.prng.next() < 0.2) throw new Error('out of luck');
        this.log(`${instance.id} is rebuilt from ${writer.id}, as Aurelay asked`);
        server.rebuildFrom(source);
      },
    };
  }

  private closeSessions(instance: InstanceId): number {
    let closed = 0;
    for (const session of this.sessions) {
      if (session.server.instance.id !== instance) continue;
      session.open = false;
      this.sessions.delete(session);
      closed += 1;
    }
    return closed;
  }

  /** What must hold of every view, over all lives of Aurelay. */
  private check(view: ClusterView): void {
    if (view.writer === null) return;
    const holder = this.writers.get(view.epoch) ?? view.writer;
    assert.equal(view.writer, holder, `epoch ${view.epoch} has two writers`);
    assert.ok(this.disk !== null && this.disk.epoch >= view.epoch, `epoch ${view.epoch} is not on disk`);
    if (view.epoch === this.newestEpoch) return;
    this.checkPromise(view.writer);
    this.checkReturn(view.writer);
    this.writers.set(view.epoch, view.writer);
    this.newestEpoch = view.epoch;
  }

  /** Whoever becomes the writer has every write that a client was told of under a quorum. */
  checkPromise(writer: InstanceId): void {
    const server = this.servers.get(writer) as SimServer;
    const there = new Set(server.log.map(({ id }) => id));
    const missing = [...this.promised].filter((id) => !there.has(id));
    assert.deepEqual(missing, [], `${writer} lacks writes that clients were told of`);
  }

  /** The writer has just been found to have every write that is still to be had, on enough copies. */
  private promiseAll(): void {
    const writer = this.view?.writer ?? null;
    if (writer === null) return;
    for (const { id } of this.servers.get(writer)?.log ?? []) if (this.told.has(id)) this.promised.add(id);
  }

  /** How many writes are promised for ever. */
  get promises(): number {
    return this.promised.size;
  }

  /** Somebody goes ahead at whatever loss. */
  forgive(): void {
    this.log('somebody puts up with losing writes');
    this.promised.clear();
  }

  /** A former writer holds office again only after it was started over as a replica. */
  private checkReturn(writer: InstanceId): void {
    const last = [...this.writers.values()].at(-1);
    const server = this.servers.get(writer) as SimServer;
    const copiesThen = this.copiesInOffice.get(writer);
    if (last !== writer && copiesThen !== undefined) {
      assert.ok(server.copies > copiesThen, `${writer} was deposed, and is the writer again`);
    }
    this.copiesInOffice.set(writer, server.copies);
  }

  // ---- clients ----

  /** One client: writes, waits, and connects again when its session has ended. */
  private write(session: Session | null): void {
    const current = session !== null && this.isAlive(session) ? session : this.connect();
    if (current !== null) this.commit(current);
    this.clock.after(this.between(20, 80), () => this.write(current));
  }

  /** A client that knows a server's address and stays with it. */
  private writeDirectly(session: Session | null): void {
    const current = session !== null && this.isAlive(session) ? session : this.connectDirectly();
    if (current !== null) this.commit(current);
    this.clock.after(this.between(20, 80), () => this.writeDirectly(current));
  }

  private connectDirectly(): Session | null {
    const server = this.pick([...this.servers.values()]);
    if (!server.answers || !server.writable || !this.config.instances.has(server.instance.id)) return null;
    return { direct: true, server, run: server.run, epoch: 0 as Epoch, open: true };
  }

  private isAlive({ open, server, run }: Session): boolean {
    return open && server.run === run;
  }

  private connect(): Session | null {
    const { view } = this;
    const server = view?.writer == null ? undefined : this.servers.get(view.writer);
    if (view === null || server === undefined || !server.answers || this.isCut(server, 'in')) return null;
    const session: Session = { direct: false, server, run: server.run, epoch: view.epoch, open: true };
    this.sessions.add(session);
    return session;
  }

  private commit(session: Session): void {
    const { server, epoch, direct } = session;
    if (!server.answers || !server.writable || (!direct && this.isCut(server, 'in'))) return;
    assert.ok(
      direct || epoch >= this.newestEpoch,
      `a session of epoch ${epoch} wrote to ${server.instance.id} in epoch ${this.newestEpoch}`,
    );
    this.writes += 1;
    const entry: Entry = { id: this.writes, timeline: server.timeline };
    server.log.push(entry);
    if (server.quorum.count > 0) this.waiting.push({ session, entry, index: server.log.length - 1 });
    else this.answer(session, entry);
  }

  private answer({ server, direct }: Session, { id }: Entry): void {
    if (!direct && this.isCut(server, 'out')) return;
    this.acknowledged += 1;
    this.told.add(id);
    if (this.isPromised(server)) this.promised.add(id);
  }

  /** A server that waits for copies promises; so does Aurelay, wherever it lets clients in and says that it is so. */
  private isPromised({ instance, quorum }: SimServer): boolean {
    if (this.config.durability === null || this.countsFormerCopies.has(instance.id)) return false;
    const secured = this.view?.durability?.secured ?? this.disk?.durability.secured ?? 1;
    return secured > 1 && (quorum.count > 0 || this.view?.writer === instance.id);
  }

  /** Tells the clients whose writes enough copies have. A session that ended is told nothing. */
  private tell(): void {
    this.waiting = this.waiting.filter(({ session, entry, index }) => {
      const { server } = session;
      if (!this.isAlive(session) || !server.running) return false;
      if (!server.answers || !server.has(entry, index)) return true;
      const { count, from } = server.quorum;
      const copies = this.acknowledging(server, from).filter((replica) => replica.has(entry, index));
      if (copies.length < count) return true;
      this.answer(session, entry);
      return false;
    });
  }

  /** Replicas whose receipts reach the writer now. */
  private acknowledging(server: SimServer, from: readonly InstanceId[]): SimServer[] {
    return [...this.servers.values()].filter(
      (replica) =>
        replica.acknowledges &&
        replica.streaming &&
        replica.answers &&
        replica.source === server.instance.id &&
        from.includes(replica.instance.id) &&
        !this.replicationCuts.has(`${replica.instance.id}<${server.instance.id}`),
    );
  }

  // ---- replication ----

  private readonly lastHeard = new Map<InstanceId, number>();

  private replicate(): void {
    for (const replica of this.servers.values()) {
      if (!replica.answers || !replica.standby || replica.source === null || replica.sealed) {
        replica.streaming = false;
        continue;
      }
      const source = this.servers.get(replica.source);
      const name = `${replica.instance.id}<${replica.source}`;
      const reaches = source?.running === true && !this.replicationCuts.has(name);
      const sound = source !== undefined && replica.isPrefixOf(source);
      if (reaches && sound && source.answers) {
        replica.streaming = true;
        this.lastHeard.set(replica.instance.id, this.clock.now());
        if (this.prng.next() * 1000 >= replica.lagMs) {
          for (const entry of source.log.slice(replica.log.length)) replica.log.push(entry);
          replica.timeline = source.timeline;
        }
        continue;
      }
      const silentFor = this.clock.now() - (this.lastHeard.get(replica.instance.id) ?? 0);
      if (!sound || source?.running !== true || silentFor > receiverTimeoutMs) replica.streaming = false;
    }
    this.tell();
  }

  // ---- the engine, as the controller sees it ----

  private readonly engine: Engine = {
    name: 'postgres',
    defaultPort: 5432,
    positions: simPositions,
    protocol: null as unknown as Engine['protocol'],
    formerWriterCanFollow: false,
    createProbe: ({ address }) => this.createProbe(this.at(address.host)),
    survey: () => assert.fail('nobody surveys here'),
    createOperations: ({ address }) => this.createOperations(this.at(address.host)),
    discover: () => Promise.reject(new Error('nothing is discovered here')),
  };

  private at(host: string): SimServer {
    return this.servers.get(host as InstanceId) as SimServer;
  }

  private isCut({ instance }: SimServer, way: 'in' | 'out'): boolean {
    return this.cuts.get(instance.id)?.has(way) ?? false;
  }

  private createProbe(server: SimServer): Probe {
    const probe: Probe = {
      onLost: null,
      close: () => {},
      probe: (timeoutMs) => this.probe(server, timeoutMs),
    };
    this.probes.set(server.instance.id, probe);
    return probe;
  }

  private async probe(server: SimServer, timeoutMs: number): Promise<ProbeResult> {
    const fail = (reason: ProbeFailureReason): ProbeResult => ({
      kind: 'failed',
      failure: { reason, detail: 'simulated' },
    });
    if (this.isCut(server, 'in') || server.frozen) {
      await this.clock.sleep(timeoutMs);
      return fail('timeout');
    }
    await this.clock.sleep(this.between(1, 15));
    if (!server.running) return fail('refused');
    const observation = this.observe(server);
    // An answer may be slow, and old by the time that it comes.
    await this.clock.sleep(this.prng.next() < 0.02 ? this.between(100, 900) : this.between(1, 15));
    if (this.isCut(server, 'out') || server.frozen) {
      await this.clock.sleep(timeoutMs);
      return fail('timeout');
    }
    if (!server.running) return fail('reset');
    if (this.prng.next() < 0.003) return fail('overloaded');
    return { kind: 'observed', observation };
  }

  private heardSecondsAgo(replica: SimServer): number | null {
    const at = this.lastHeard.get(replica.instance.id);
    return at === undefined ? null : (this.clock.now() - at) / 1000;
  }

  private observe(server: SimServer): Observation {
    const source = server.source === null ? null : this.servers.get(server.source);
    return {
      role: server.writable ? 'writer' : 'replica',
      writable: server.writable,
      identity: 'sim',
      timeline: server.timeline,
      position: server.position,
      lagSeconds: 0,
      replication:
        !server.standby || source == null
          ? null
          : {
              source: source.instance.address,
              streaming: server.streaming,
              heardSecondsAgo: this.heardSecondsAgo(server),
              error: null,
              stopped: server.sealed,
              acknowledges: server.acknowledges,
            },
      acknowledgement: server.standby
        ? null
        : {
            count: server.quorum.count,
            from: [...server.quorum.from].sort(),
            connected: this.acknowledging(server, server.quorum.from).length,
            most: null,
          },
      version: 'simulated',
    };
  }

  private createOperations(server: SimServer): Operations {
    const { id } = server.instance;
    const at = { server, life: this.lives };
    return {
      promote: (timeoutMs, quorum) =>
        this.operate(at, timeoutMs, `promote ${id}`, () => {
          if (quorum !== null) server.quorum = quorum;
          this.countsFormerCopies.delete(id);
          server.promote();
        }),
      follow: async (source, _, acknowledging, timeoutMs) => {
        await this.operate(at, timeoutMs, `follow ${id} -> ${source.host}`, () => {
          if (!server.standby) throw new OperationFailed('it is no replica');
          server.source = source.host as InstanceId;
          server.sealed = false;
          server.acknowledges = acknowledging || server.acknowledges;
        });
      },
      seal: (timeoutMs) =>
        this.operate(at, timeoutMs, `seal ${id}`, () => {
          if (!server.standby) throw new OperationFailed('it is no replica');
          server.sealed = true;
          server.streaming = false;
        }),
      requireQuorum: async (quorum, timeoutMs) => {
        await this.operate(
          at,
          timeoutMs,
          `require ${quorum.count} of ${quorum.from.join(' ')} on ${id}`,
          () => {
            server.quorum = quorum;
            this.countsFormerCopies.delete(id);
          },
        );
      },
      fence: (timeoutMs) =>
        this.operate(at, timeoutMs, `fence ${id}`, () => {
          server.readOnly = true;
          server.run += 1;
        }),
      unfence: async (timeoutMs) => {
        await this.operate(at, timeoutMs, `unfence ${id}`, () => {
          server.readOnly = false;
        });
      },
    };
  }

  /** The order may be lost on its way, or be carried out and its answer lost. */
  private async operate(
    { server, life }: { readonly server: SimServer; readonly life: number },
    timeoutMs: number,
    what: string,
    deed: () => void,
  ): Promise<Position> {
    // What a dead process had still in line is never sent; what it had sent may still arrive.
    if (this.lives !== life || this.controller === null) return new Promise(() => {});
    const lost = async (): Promise<never> => {
      await this.clock.sleep(timeoutMs);
      throw new OperationFailed(`${what}: no answer`);
    };
    if (this.isCut(server, 'in') || server.frozen) return lost();
    await this.clock.sleep(this.between(2, 40));
    if (!server.running) throw new OperationFailed(`${what}: refused`);
    if (server.frozen) return lost();
    if (this.prng.next() < 0.03) throw new OperationFailed(`${what}: out of luck`);
    this.log(`${what}${this.controller === null ? ' (ordered before the crash)' : ''}`);
    deed();
    if (this.lostAnswers > 0 && what.startsWith('promote')) {
      this.lostAnswers -= 1;
      return lost();
    }
    await this.clock.sleep(this.between(1, 60));
    if (this.isCut(server, 'out')) return lost();
    return server.position;
  }

  // ---- what can go wrong ----

  crash(server: SimServer): void {
    if (!server.running) return;
    this.log(`${server.instance.id} is killed`);
    server.stop();
    if (!this.isCut(server, 'out')) this.probes.get(server.instance.id)?.onLost?.('simulated');
  }

  start(server: SimServer): void {
    if (server.running) return;
    this.log(`${server.instance.id} starts as a ${server.standby ? 'standby' : 'primary'}`);
    server.running = true;
  }

  freeze(server: SimServer, frozen: boolean): void {
    if (!server.running || server.frozen === frozen) return;
    this.log(`${server.instance.id} ${frozen ? 'freezes' : 'thaws'}`);
    server.frozen = frozen;
  }

  cut(server: SimServer, ways: readonly ('in' | 'out')[]): void {
    this.log(`${server.instance.id} is cut off (${ways.join(' and ') || 'healed'})`);
    this.cuts.set(server.instance.id, new Set(ways));
  }

  cutReplication(replica: SimServer, source: SimServer): void {
    this.log(`${replica.instance.id} does not reach ${source.instance.id}`);
    this.replicationCuts.add(`${replica.instance.id}<${source.instance.id}`);
  }

  /** Everything that was done to the network and the machines is undone. */
  heal(): void {
    this.log('everything heals');
    this.cuts.clear();
    this.replicationCuts.clear();
    this.lostAnswers = 0;
    for (const server of this.servers.values()) {
      server.lagMs = 0;
      this.freeze(server, false);
      this.start(server);
    }
    this.startAurelay();
  }
}
