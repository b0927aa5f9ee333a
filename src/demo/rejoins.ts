import { EmbeddedClusterError, type EmbeddedInstance, type RejoinOptions } from './cluster.ts';

export interface RejoinPair<Instance> {
  readonly instance: Instance;
  readonly writer: Instance;
  readonly isDiverged: boolean;
  readonly signal: AbortSignal;
}

/** Brings instances of one cluster back one at a time, and none any more once the cluster stops. */
export class Rejoins<Instance extends EmbeddedInstance> {
  readonly #instances: () => readonly Instance[];
  readonly #bringBack: (pair: RejoinPair<Instance>) => Promise<void>;
  readonly #stopping = new AbortController();
  #last: Promise<void> = Promise.resolve();

  constructor(
    instances: () => readonly Instance[],
    bringBack: (pair: RejoinPair<Instance>) => Promise<void>,
  ) {
    this.#instances = instances;
    this.#bringBack = bringBack;
  }

  run(id: string, options: RejoinOptions): Promise<void> {
    const signal = AbortSignal.any([options.signal, this.#stopping.signal]);
    const next = this.#last.then(async () => {
      signal.throwIfAborted();
      const [instance, writer] = [this.#find(id), this.#find(options.writer)];
      if (instance === writer) throw new EmbeddedClusterError(`${id} cannot replicate from itself`);
      await this.#bringBack({ instance, writer, isDiverged: options.isDiverged, signal });
    });
    this.#last = next.catch(() => {});
    return next;
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new EmbeddedClusterError('the cluster stops'));
    await this.#last;
  }

  #find(id: string): Instance {
    const found = this.#instances().find((instance) => instance.id === id);
    if (found === undefined) throw new EmbeddedClusterError(`there is no instance ${id}`);
    return found;
  }
}
