import { unreachable } from '../base/assert.ts';
import type { Directory, Placed } from '../endpoints/directory.ts';
import type {
  ClientOpening,
  ClientRequest,
  HelloEvent,
  HelloReader,
  Naming,
  Protocol,
} from '../engines/engine.ts';

/** What a client has said, as far as it matters here. */
export type OpeningEvent<Entry> =
  | { readonly kind: 'need-more' }
  /** Say this to the client and go on, with an empty chunk: it may have said more already. */
  | { readonly kind: 'reply'; readonly bytes: Uint8Array }
  | Chosen<Entry>
  | { readonly kind: 'cancel'; readonly bytes: Uint8Array }
  /** It takes its leave before it asked for anything. */
  | { readonly kind: 'goodbye' }
  /** It asks for an endpoint that is not here, or for none where it has to. */
  | { readonly kind: 'unknown'; readonly why: string }
  | { readonly kind: 'malformed'; readonly why: string };

/** The client has an endpoint, and a request for one of its servers. */
export interface Chosen<Entry> {
  readonly kind: 'chosen';
  readonly entry: Entry;
  readonly request: ClientRequest;
  /** What a server is to be sent next, once it has agreed to the request. */
  readonly rest: Uint8Array;
  /**
   * Of a client that speaks TLS and of which nothing but the hello was looked at: every byte that it has said in TLS.
   * Whether it asked first and was granted that, `request` tells (`promised-tls`), or began at once (`direct-tls`). Null
   * for everybody else, and where the hello was not looked at because no name can matter.
   */
  readonly tls: Uint8Array | null;
}

const nothing = new Uint8Array(0);

/**
 * Reads what a client wants, and of which of the endpoints that share its listener, until a server can be chosen. Bytes
 * in, events out; it neither reads nor writes by itself.
 */
export class Opening<Entry extends Placed> {
  readonly #directory: () => Directory<Entry>;
  readonly #settled: Entry | null;
  readonly #within: Entry | null;
  readonly #naming: Naming | null;
  readonly #protocol: Protocol;
  readonly #decoder: ClientOpening;
  #hello: HelloReader | null = null;
  /** Said before the reader of the hello was there. */
  #ahead: Uint8Array = nothing;
  #asked: ClientRequest | null = null;
  #declinedGss = false;

  /**
   * `settled`: whatever the client says, it is said to this endpoint. `within`: it speaks in TLS that this endpoint has
   * ended, which it means unless it names another one that ends TLS.
   */
  constructor(
    protocol: Protocol,
    directory: () => Directory<Entry>,
    settled: Entry | null = null,
    within: Entry | null = null,
  ) {
    this.#settled = settled;
    this.#within = within;
    this.#protocol = protocol;
    this.#naming = protocol.naming ?? null;
    this.#decoder = protocol.clientOpening();
    this.#directory = directory;
  }

  /** What the client is in the middle of, so that it can read an answer to nothing else; null: to anything. */
  get pending(): ClientRequest | null {
    return this.#asked;
  }

  push(chunk: Uint8Array): OpeningEvent<Entry> {
    if (this.#hello !== null) return this.#heardHello(this.#hello, chunk);
    const event = this.#decoder.push(chunk);
    return event.kind === 'request' ? this.#heard(event.request) : event;
  }

  #heard(request: ClientRequest): OpeningEvent<Entry> {
    const directory = this.#directory();
    if (this.#settled !== null) return this.#choose(this.#settled, request);
    if (this.#naming === null) return this.#choose(this.#within ?? directory.byDefault, request);
    if (this.#within !== null) return this.#heardWithin(this.#within, this.#naming, request);
    switch (request.kind) {
      case 'startup': {
        const { name, request: stripped } = this.#naming.endpointOf(request);
        if (name === null) return this.#choose(directory.byDefault, stripped);
        return this.#choose(directory.called(name), stripped, name);
      }
      case 'gss':
        return directory.byDefault === null
          ? this.#decline(request)
          : this.#choose(directory.byDefault, request);
      case 'tls':
        return directory.hasHostnames
          ? this.#awaitHello(this.#naming.promised, this.#naming.promise)
          : this.#choose(directory.byDefault, request);
      case 'direct-tls':
        return directory.hasHostnames
          ? this.#awaitHello(request, null)
          : this.#choose(directory.byDefault, request);
      case 'promised-tls':
        throw new Error('only Aurelay itself asks for that');
      default:
        return unreachable(request.kind);
    }
  }

  #heardWithin(within: Entry, naming: Naming, request: ClientRequest): OpeningEvent<Entry> {
    if (request.kind !== 'startup') return this.#choose(within, request);
    const { name, request: stripped } = naming.endpointOf(request);
    if (name === null) return this.#choose(within, stripped);
    const named = this.#directory().called(name);
    return this.#choose(named?.endpoint.tls.mode === 'terminate' ? named : null, stripped, name);
  }

  /** No name comes with GSS encryption, but the client may go on with TLS or in plain. */
  #decline(request: ClientRequest): OpeningEvent<Entry> {
    const bytes = this.#protocol.decline?.(request) ?? null;
    if (bytes === null || this.#declinedGss) {
      return { kind: 'malformed', why: 'the client asks again for an encryption that it was declined' };
    }
    this.#declinedGss = true;
    return { kind: 'reply', bytes };
  }

  /** `promise`: what the client waits for before it begins with TLS; null: it has begun. */
  #awaitHello(request: ClientRequest, promise: Uint8Array | null): OpeningEvent<Entry> {
    this.#asked = request;
    this.#hello = this.#naming?.hello() ?? null;
    const behind = this.#decoder.rest();
    this.#ahead = promise === null ? join(request.bytes, behind) : behind;
    return promise === null ? this.push(nothing) : { kind: 'reply', bytes: promise };
  }

  #heardHello(reader: HelloReader, chunk: Uint8Array): OpeningEvent<Entry> {
    const event: HelloEvent = reader.push(join(this.#ahead, chunk));
    this.#ahead = nothing;
    if (event.kind !== 'hello') return event;
    const { serverName, bytes } = event;
    const directory = this.#directory();
    const entry = serverName === null ? directory.byDefault : directory.withHostname(serverName);
    if (entry === null) return unknown(serverName);
    const tls = join(bytes, reader.rest());
    // The hello is not the request where a server has to grant TLS first.
    return this.#asked?.kind === 'promised-tls'
      ? { kind: 'chosen', entry, request: this.#asked, rest: tls, tls }
      : {
          kind: 'chosen',
          entry,
          request: { kind: 'direct-tls', bytes },
          rest: tls.subarray(bytes.length),
          tls,
        };
  }

  #choose(entry: Entry | null, request: ClientRequest, name: string | null = null): OpeningEvent<Entry> {
    if (entry === null) return unknown(name);
    return { kind: 'chosen', entry, request, rest: this.#decoder.rest(), tls: null };
  }
}

const longestName = 100;

/** The name is a stranger's: bounded, and without what a terminal or a log would take for something else. */
function unknown(name: string | null): { readonly kind: 'unknown'; readonly why: string } {
  if (name === null) return { kind: 'unknown', why: 'clients of this port have to name an endpoint' };
  const shown = name.replace(/[^\x20-\x7e]/g, '?').slice(0, longestName);
  return { kind: 'unknown', why: `there is no endpoint "${shown}" on this port` };
}

const join = (one: Uint8Array, other: Uint8Array): Uint8Array => {
  if (one.length === 0) return other;
  if (other.length === 0) return one;
  return Buffer.concat([one, other]);
};
