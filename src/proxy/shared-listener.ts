import type { Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import type { Address } from '../cluster/instance.ts';
import { canonicalHost } from '../config/address.ts';
import { Directory } from '../endpoints/directory.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import { Cancels } from './cancel.ts';
import type { EndpointContext } from './endpoint-context.ts';
import type { Gate } from './entry/gate.ts';
import type { Listener } from './listener.ts';

/**
 * One listening address and the endpoints behind it. Which of them a client wants it says itself; until then, and where it never
 * does, its session is on the account of one that stands in.
 */
export class SharedListener {
  /** Cancel requests that are under way: they name no endpoint. */
  readonly cancels = new Cancels();
  readonly gate: Gate;
  #listener: Listener | null = null;
  #doors: readonly EndpointContext[] = [];
  #directory = new Directory<EndpointContext>([]);

  constructor(makeGate: (listener: SharedListener) => Gate) {
    this.gate = makeGate(this);
  }

  get address(): Address {
    assert(this.#listener !== null, 'it was opened');
    return this.#listener.address;
  }

  get doors(): readonly EndpointContext[] {
    return this.#doors;
  }

  /** Of one that is closed: as it was last. */
  get directory(): Directory<EndpointContext> {
    return this.#directory;
  }

  /** Nobody accepts here any more. */
  get isClosed(): boolean {
    return this.#listener === null;
  }

  /** See `Listener.outlives`. */
  get outlives(): boolean {
    return this.#listener?.outlives ?? false;
  }

  get isShared(): boolean {
    return this.#doors.length > 1;
  }

  /** The default endpoint, or the first. */
  get standIn(): EndpointContext | null {
    return this.#directory.byDefault ?? this.#doors[0] ?? null;
  }

  opened(listener: Listener): void {
    this.#listener = listener;
  }

  add(door: EndpointContext): void {
    if (!this.#doors.includes(door)) this.#doors = [...this.#doors, door];
    this.refresh();
  }

  /** Closes behind the last one. */
  remove(door: EndpointContext): void {
    const left = this.#doors.filter((other) => other !== door);
    if (left.length === 0) {
      this.#listener?.close();
      this.#listener = null;
      return;
    }
    this.#doors = left;
    this.refresh();
  }

  /** An endpoint has another definition now. */
  refresh(): void {
    this.#directory = new Directory(this.#doors);
    this.#listener?.limit(this.#doors.reduce((sum, { endpoint }) => sum + endpoint.maxSessions, 0));
  }
}

type OpenListener = (endpoint: Endpoint, onClient: (socket: Socket) => void) => Promise<Listener>;

/** All listeners by their addresses: endpoints with the same one share it. */
export class SharedListeners {
  readonly #open: OpenListener;
  readonly #makeGate: (listener: SharedListener) => Gate;
  readonly #byAddress = new Map<string, Promise<SharedListener>>();

  constructor(open: OpenListener, makeGate: (listener: SharedListener) => Gate) {
    this.#open = open;
    this.#makeGate = makeGate;
  }

  /**
   * The listener at `endpoint.listen`, opened if nobody has yet; throws `ListenFailed`. The endpoint is not behind it
   * until it is added, which is to be done at once.
   */
  async at(endpoint: Endpoint): Promise<SharedListener> {
    const { host, port } = endpoint.listen;
    // Port 0 asks for a port that nobody else has.
    if (port === 0) return this.#start(endpoint);
    const address = `${canonicalHost(host)} ${port}`;
    const known = this.#byAddress.get(address);
    const listener = await known;
    if (listener !== undefined && !listener.isClosed) return listener;
    // Somebody else may have begun meanwhile.
    if (this.#byAddress.get(address) !== known) return this.at(endpoint);
    const opening = this.#start(endpoint);
    this.#byAddress.set(address, opening);
    try {
      return await opening;
    } catch (error) {
      if (this.#byAddress.get(address) === opening) this.#byAddress.delete(address);
      throw error;
    }
  }

  async #start(endpoint: Endpoint): Promise<SharedListener> {
    const listener = new SharedListener(this.#makeGate);
    listener.opened(await this.#open(endpoint, (socket) => listener.gate.enter(socket)));
    return listener;
  }
}
