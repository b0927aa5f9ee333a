import type { InstanceId } from '../../src/base/brand.ts';
import type { Instance } from '../../src/cluster/instance.ts';
import type { Comparison, Position, PositionOrder } from '../../src/cluster/position.ts';
import type { Quorum } from '../../src/engines/engine.ts';

/** One committed write. */
export interface Entry {
  readonly id: number;
  readonly timeline: number;
}

/** A database server: a log, a role, and the ways in which it can fail. */
export class SimServer {
  readonly instance: Instance;
  running = true;
  frozen = false;
  /** In recovery: it takes no writes and replicates from `source`. */
  standby: boolean;
  source: InstanceId | null;
  /** Fenced: kept over a restart. */
  readOnly = false;
  timeline = 1;
  /** Each write with the timeline that it was made on; shared prefixes are shared arrays' contents, not arrays. */
  log: Entry[] = [];
  /** Its receiver believes that it hears the source. */
  streaming = false;
  /** What its commits wait for while it is a writer: kept over a restart, as PostgreSQL keeps it. */
  quorum: Quorum = { count: 0, from: [] };
  /** It acknowledges what it receives. */
  acknowledges = false;
  /** It receives from nobody, whatever its source: kept over a restart. */
  sealed = false;
  /** Extra delay of its replication, in milliseconds. */
  lagMs = 0;
  /** Broken connections are noticed at once by whoever is connected; the run of the process they belonged to. */
  run = 0;
  /** How often it was started over with another's data. */
  copies = 0;

  constructor(instance: Instance, source: InstanceId | null) {
    this.instance = instance;
    this.standby = source !== null;
    this.source = source;
  }

  get answers(): boolean {
    return this.running && !this.frozen;
  }

  get writable(): boolean {
    return !this.standby && !this.readOnly;
  }

  get position(): Position {
    return `${this.timeline}/${this.log.length}` as Position;
  }

  stop(): void {
    this.running = false;
    this.frozen = false;
    this.streaming = false;
    this.run += 1;
  }

  /** It has this write, made by a server that it copies. */
  has({ id }: Entry, index: number): boolean {
    return this.log[index]?.id === id;
  }

  promote(): void {
    if (!this.standby) {
      this.readOnly = false;
      return;
    }
    this.standby = false;
    this.readOnly = false;
    this.source = null;
    this.streaming = false;
    this.timeline += 1;
  }

  /** As a person would after a failover: start it over as a replica with the writer's data. */
  rebuildFrom(writer: SimServer): void {
    this.run += 1;
    this.copies += 1;
    this.running = true;
    this.frozen = false;
    this.standby = true;
    this.readOnly = false;
    this.source = writer.instance.id;
    this.timeline = writer.timeline;
    this.log = [...writer.log];
    this.acknowledges = false;
    this.sealed = false;
    this.lagMs = 0;
  }

  /** Whether all that this one has is also in `source`, so that it can stream from there. */
  isPrefixOf(source: SimServer): boolean {
    if (this.log.length > source.log.length) return false;
    const last = this.log.at(-1);
    return last === undefined || source.log[this.log.length - 1]?.id === last.id;
  }
}

/** As PostgreSQL's: within a timeline by length; across timelines only the higher and longer is ahead. */
export const simPositions: PositionOrder = {
  compare(a, b): Comparison {
    const [x, y] = [parse(a), parse(b)];
    if (x.timeline === y.timeline) {
      if (x.length === y.length) return 'equal';
      return x.length > y.length ? 'ahead' : 'behind';
    }
    const [high, low] = x.timeline > y.timeline ? [x, y] : [y, x];
    if (high.length < low.length) return 'diverged';
    return high === x ? 'ahead' : 'behind';
  },
  beyond: () => null,
  missing(a, b) {
    const [x, y] = [parse(a), parse(b)];
    if (x.timeline !== y.timeline) return null;
    return { amount: Math.max(0, x.length - y.length), unit: 'transactions' };
  },
};

function parse(position: Position): { timeline: number; length: number } {
  const [timeline, length] = position.split('/').map(Number);
  return { timeline: timeline as number, length: length as number };
}
