import assert from 'node:assert/strict';
import { type InstanceId, instanceId } from '../../src/base/brand.ts';
import type { Instance } from '../../src/cluster/instance.ts';
import type { Observation, ProbeFailureReason } from '../../src/cluster/observation.ts';
import type { Position } from '../../src/cluster/position.ts';
import type { Engine, Operations, Probe, Target } from '../../src/engines/engine.ts';
import { numbers } from '../cluster/scenario.ts';

/** A database server as the controller sees it: enough of one to fail over between. */
export interface SimulatedServer {
  readonly instance: Instance;
  state: 'up' | 'dead' | 'frozen' | 'full';
  writable: boolean;
  source: InstanceId | null;
  position: number;
  /** What its next promotion does. */
  promotion: 'works' | 'fails' | 'hangs';
}

/** An engine whose servers are objects; what was done to them is written down in `deeds`. */
export class SimulatedServers {
  readonly deeds: string[] = [];
  readonly servers = new Map<string, SimulatedServer>();
  private readonly probes = new Map<string, Probe>();

  constructor(instances: Iterable<Instance>) {
    for (const instance of instances) {
      const first = this.servers.size === 0;
      this.servers.set(instance.id, {
        instance,
        state: 'up',
        writable: first,
        source: first ? null : ([...this.servers.values()][0] as SimulatedServer).instance.id,
        position: 100,
        promotion: 'works',
      });
    }
  }

  get(id: string): SimulatedServer {
    return this.servers.get(id) as SimulatedServer;
  }

  kill(id: string): void {
    this.get(id).state = 'dead';
    this.probes.get(id)?.onLost?.('connection reset');
  }

  readonly engine: Engine = {
    name: 'postgres',
    defaultPort: 5432,
    positions: numbers,
    protocol: null as unknown as Engine['protocol'],
    formerWriterCanFollow: false,
    createProbe: (target) => this.createProbe(this.at(target)),
    survey: () => assert.fail('nobody surveys here'),
    createOperations: (target) => this.createOperations(this.at(target)),
    discover: () => Promise.reject(new Error('nothing is discovered here')),
  };

  private at(target: Target): SimulatedServer {
    return this.get(target.address.host);
  }

  private createProbe(server: SimulatedServer): Probe {
    const probe: Probe = {
      onLost: null,
      close: () => {},
      probe: async () => {
        const failed = (reason: ProbeFailureReason) =>
          ({ kind: 'failed', failure: { reason, detail: 'simulated' } }) as const;
        if (server.state === 'dead') return failed('refused');
        if (server.state === 'frozen') return failed('timeout');
        if (server.state === 'full') return failed('overloaded');
        return { kind: 'observed', observation: this.observe(server) };
      },
    };
    this.probes.set(server.instance.id, probe);
    return probe;
  }

  private observe(server: SimulatedServer): Observation {
    const source = server.source === null ? null : this.get(server.source);
    return {
      role: server.writable ? 'writer' : 'replica',
      writable: server.writable,
      identity: 'simulated',
      timeline: null,
      position: String(server.position) as Position,
      lagSeconds: 0,
      replication:
        source === null
          ? null
          : {
              source: source.instance.address,
              streaming: source.state === 'up',
              heardSecondsAgo: null,
              error: null,
              stopped: false,
              acknowledges: null,
            },
      acknowledgement: null,
      version: 'simulated',
    };
  }

  private createOperations(server: SimulatedServer): Operations {
    const { id } = server.instance;
    const deed = async (words: string): Promise<Position> => {
      this.deeds.push(words);
      if (server.state !== 'up') throw new Error(`${id} does not answer`);
      return String(server.position) as Position;
    };
    return {
      promote: async (timeoutMs) => {
        if (server.promotion === 'hangs') await new Promise((resolve) => setTimeout(resolve, timeoutMs));
        if (server.promotion === 'fails') {
          this.deeds.push(`promote ${id} in vain`);
          throw new Error('not today');
        }
        const position = await deed(`promote ${id}`);
        server.writable = true;
        server.source = null;
        return position;
      },
      follow: async (source) => {
        await deed(`follow ${id} -> ${source.host}`);
        server.source = instanceId(source.host);
      },
      fence: async () => {
        const position = await deed(`fence ${id}`);
        server.writable = false;
        return position;
      },
      seal: () => deed(`seal ${id}`),
      requireQuorum: async () => void (await deed(`require quorum of ${id}`)),
      unfence: async () => {
        await deed(`unfence ${id}`);
        server.writable = true;
      },
    };
  }
}
