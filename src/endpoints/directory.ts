import type { ClusterId } from '../base/brand.ts';
import type { Endpoint } from './endpoint.ts';

/** Whatever stands for an endpoint behind a listener. */
export interface Placed {
  readonly endpoint: Endpoint;
}

/**
 * The endpoints that share one listener, by the names that clients can give. Case does not matter, nor does a dot at
 * the end of a host name. Where two have the same name, which the checks of the configuration rule out, the first has it.
 */
export class Directory<Entry extends Placed> {
  /**
   * For clients that give no name: the endpoint that is alone, that has `default: true`, or that has no `hostname`; null
   * where there is none.
   */
  readonly byDefault: Entry | null;
  /** Some endpoint has a host name, so that the name in a TLS hello has to be looked at. */
  readonly hasHostnames: boolean;
  readonly #byHostname = new Map<string, Entry>();
  readonly #byPath = new Map<string, Entry>();
  /** Where a name without a cluster belongs; null: nowhere. */
  readonly #home: ClusterId | null;

  constructor(entries: readonly Entry[]) {
    for (const entry of entries) {
      const { cluster, id, hostname } = entry.endpoint;
      if (hostname !== null) putFirst(this.#byHostname, canonical(hostname), entry);
      putFirst(this.#byPath, pathOf(cluster, id), entry);
    }
    this.hasHostnames = this.#byHostname.size > 0;
    this.byDefault = defaultOf(entries);
    const clusters = new Set(entries.map(({ endpoint }) => endpoint.cluster));
    const [only = null] = clusters.size === 1 ? clusters : [];
    this.#home = this.byDefault?.endpoint.cluster ?? only;
  }

  /** The endpoint whose `hostname` this is. */
  withHostname(name: string): Entry | null {
    return this.#byHostname.get(canonical(name)) ?? null;
  }

  /**
   * `orders/reader`, or `reader`: then of the default endpoint's cluster, or of the only cluster that is here. An
   * endpoint behind another listener is not found: who may reach a port may not thereby reach another one.
   */
  called(name: string): Entry | null {
    const path = name.includes('/') || this.#home === null ? name : pathOf(this.#home, name);
    return this.#byPath.get(path.toLowerCase()) ?? null;
  }
}

const pathOf = (cluster: string, endpoint: string): string => `${cluster}/${endpoint}`;

const canonical = (hostname: string): string => hostname.toLowerCase().replace(/\.$/, '');

function putFirst<Value>(map: Map<string, Value>, key: string, value: Value): void {
  if (!map.has(key)) map.set(key, value);
}

function defaultOf<Entry extends Placed>(entries: readonly Entry[]): Entry | null {
  const [first = null] = entries;
  if (entries.length === 1) return first;
  const chosen = entries.find(({ endpoint }) => endpoint.default);
  return chosen ?? entries.find(({ endpoint }) => endpoint.hostname === null) ?? null;
}
