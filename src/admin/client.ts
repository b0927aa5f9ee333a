import { messageOf } from '../base/errors.ts';
import type { ClusterJson, CommandJson, ErrorJson, EventJson, FailoverJson, ReloadJson } from './api.ts';
import { type AdminTrust, sendRequest } from './client-request.ts';
import { type SentEvent, ServerSentEvents } from './server-sent-events.ts';

/**
 * `unreachable` nothing answers · `timeout` no answer in time · `refused` Aurelay answered with an error ·
 * `unexpected` something answers that is not Aurelay.
 */
export type AdminFailureKind = 'unreachable' | 'timeout' | 'refused' | 'unexpected';

/** The message is complete, for the person at the command line. */
export class AdminFailure extends Error {
  override readonly name = 'AdminFailure';
  readonly kind: AdminFailureKind;
  /** Aurelay's own code of the error, where it answered with one. */
  readonly code: string | null;

  constructor(kind: AdminFailureKind, message: string, code: string | null = null) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

export interface AdminClientOptions {
  /** `host:port`, `http://host:port` or `https://host:port`. */
  readonly address: string;
  /** Sent with what changes something, and with nothing else. */
  readonly token?: string | null;
  /** Where the address is `https://`; by default the public authorities. */
  readonly trust?: AdminTrust;
  /** For answers that take no work. */
  readonly timeoutMs?: number;
  /** For failover, switchover and drain. */
  readonly commandTimeoutMs?: number;
  /** A stream of events without even a heartbeat for this long is dead. */
  readonly silenceTimeoutMs?: number;
}

const api = '/api/v1';

/** The admin API of a running Aurelay, for the command line. Every call ends; what goes wrong is an `AdminFailure`. */
export class AdminClient {
  readonly #base: string;
  readonly #token: string | null;
  readonly #trust: AdminTrust;
  readonly #timeoutMs: number;
  readonly #commandTimeoutMs: number;
  readonly #silenceTimeoutMs: number;

  constructor(options: AdminClientOptions) {
    this.#base = baseUrl(options.address);
    this.#token = options.token ?? null;
    this.#trust = options.trust ?? { by: 'system' };
    this.#timeoutMs = options.timeoutMs ?? 5_000;
    this.#commandTimeoutMs = options.commandTimeoutMs ?? 150_000;
    this.#silenceTimeoutMs = options.silenceTimeoutMs ?? 45_000;
  }

  clusters(): Promise<readonly ClusterJson[]> {
    return this.#json('GET', `${api}/clusters`, undefined, this.#timeoutMs);
  }

  /** The one cluster, or all of them. */
  async status(cluster: string | null): Promise<readonly ClusterJson[]> {
    if (cluster === null) return this.clusters();
    return [await this.#json<ClusterJson>('GET', clusterPath(cluster), undefined, this.#timeoutMs)];
  }

  /** The kept changes of the writer, the newest first. */
  async failovers(cluster: string): Promise<readonly FailoverJson[]> {
    const path = `${clusterPath(cluster)}/failovers`;
    const answer = await this.#json<{ failovers: FailoverJson[] }>('GET', path, undefined, this.#timeoutMs);
    return answer.failovers;
  }

  failover(cluster: string, force = false): Promise<CommandJson> {
    const path = `${clusterPath(cluster)}/failover${force ? '?force=true' : ''}`;
    return this.#json('POST', path, undefined, this.#commandTimeoutMs);
  }

  switchover(cluster: string, to: string, dryRun = false): Promise<CommandJson> {
    const path = `${clusterPath(cluster)}/switchover${dryRun ? '?dry_run=true' : ''}`;
    return this.#json('POST', path, { to }, this.#commandTimeoutMs);
  }

  reload(): Promise<ReloadJson> {
    return this.#json('POST', `${api}/reload`, undefined, this.#commandTimeoutMs);
  }

  /** `cluster` null: the cluster that has an instance of this name. */
  async drain(instance: string, drained: boolean, cluster: string | null = null): Promise<CommandJson> {
    const owner = cluster ?? ownerOf(instance, await this.clusters());
    const path = `${clusterPath(owner)}/instances/${encodeURIComponent(instance)}`;
    return this.#json('POST', `${path}/${drained ? 'drain' : 'undrain'}`, undefined, this.#commandTimeoutMs);
  }

  /** The kept events after `since`, oldest first. */
  async recentEvents(since = 0): Promise<readonly EventJson[]> {
    const path = `${api}/events?follow=false&since=${since}`;
    const { events } = await this.#json<{ events: EventJson[] }>('GET', path, undefined, this.#timeoutMs);
    return events;
  }

  /** The kept events after `since`, then each new one, until `signal` aborts or Aurelay ends. */
  async *followEvents(since = 0, signal?: AbortSignal): AsyncGenerator<EventJson> {
    const silence = new Deadline(this.#silenceTimeoutMs);
    const stop = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
    try {
      const response = await this.#fetch('GET', `${api}/events?since=${since}`, undefined, stop);
      if (!response.ok || response.body === null) throw await this.#refusal(response);
      const parser = new ServerSentEvents();
      const text = new TextDecoder();
      for await (const chunk of response.body) {
        silence.extend();
        yield* parser.push(text.decode(chunk, { stream: true })).map(eventOf);
      }
    } catch (thrown) {
      if (signal?.aborted) return;
      throw this.#failure(stop.aborted ? stop.reason : thrown);
    } finally {
      silence.clear();
    }
  }

  async #json<Answer>(method: string, path: string, body: unknown, timeoutMs: number): Promise<Answer> {
    const late = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.#fetch(method, path, body, late);
      if (!response.ok) throw await this.#refusal(response);
      return (await response.json()) as Answer;
    } catch (thrown) {
      throw this.#failure(late.aborted ? late.reason : thrown);
    }
  }

  #fetch(method: string, path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    const authorised = method !== 'GET' && this.#token !== null;
    const headers = {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(authorised ? { authorization: `Bearer ${this.#token}` } : {}),
    };
    const text = body === undefined ? null : JSON.stringify(body);
    const url = new URL(`${this.#base}${path}`);
    return sendRequest(url, { method, headers, body: text, signal, trust: this.#trust });
  }

  async #refusal(response: Response): Promise<AdminFailure> {
    const text = await response.text();
    const error = errorOf(text);
    if (error !== null) return new AdminFailure('refused', error.message, error.code);
    return this.#unexpected(`HTTP ${response.status}`);
  }

  #failure(thrown: unknown): AdminFailure {
    if (thrown instanceof AdminFailure) return thrown;
    if (thrown instanceof SyntaxError) return this.#unexpected('its answer is not JSON');
    const name = thrown instanceof Error ? thrown.name : '';
    if (name === 'TimeoutError') {
      return new AdminFailure(
        'timeout',
        `${this.#base} did not answer in time: is Aurelay overloaded or frozen?`,
      );
    }
    return new AdminFailure('unreachable', this.#nothingAnswers(thrown));
  }

  #nothingAnswers(thrown: unknown): string {
    const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
    const code = codeOf(cause);
    const tls = tlsTrouble(code ?? '', this.#base);
    if (tls !== null) return tls;
    const detail = code === 'ECONNREFUSED' ? '' : ` (${messageOf(cause)})`;
    return `nothing answers at ${this.#base}${detail}: is Aurelay running? --admin sets the address`;
  }

  #unexpected(what: string): AdminFailure {
    return new AdminFailure(
      'unexpected',
      `what answers at ${this.#base} is not Aurelay's admin API (${what}): --admin sets the address`,
    );
  }
}

/** A signal that aborts unless it is extended in time. */
class Deadline {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number) {
    const late = () => this.#abort.abort(new DOMException('silence', 'TimeoutError'));
    this.#timer = setTimeout(late, ms);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  extend(): void {
    this.#timer.refresh();
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

function baseUrl(address: string): string {
  const text = /^https?:\/\//.test(address) ? address : `http://${address}`;
  if (!URL.canParse(text)) {
    throw new AdminFailure(
      'unreachable',
      `--admin has to be HOST:PORT, such as 127.0.0.1:8080, not "${address}"`,
    );
  }
  return new URL(text).origin;
}

const clusterPath = (cluster: string): string => `${api}/clusters/${encodeURIComponent(cluster)}`;

function ownerOf(instance: string, clusters: readonly ClusterJson[]): string {
  const owners = clusters.filter(({ instances }) => instances.some(({ id }) => id === instance));
  if (owners.length === 1 && owners[0] !== undefined) return owners[0].name;
  if (owners.length > 1) {
    const names = owners.map(({ name }) => name).join(', ');
    throw new AdminFailure(
      'refused',
      `several clusters have an instance "${instance}" (${names}): name the cluster`,
    );
  }
  const known = clusters.flatMap(({ instances }) => instances.map(({ id }) => id)).join(', ') || 'none';
  throw new AdminFailure('refused', `no instance "${instance}"; there is ${known}`, 'unknown_instance');
}

const eventOf = ({ data }: SentEvent): EventJson => JSON.parse(data) as EventJson;

function errorOf(text: string): ErrorJson['error'] | null {
  try {
    const { error } = JSON.parse(text) as Partial<ErrorJson>;
    return typeof error?.message === 'string' ? error : null;
  } catch {
    return null;
  }
}

function codeOf(thrown: unknown): string | undefined {
  if (thrown instanceof AggregateError) return codeOf(thrown.errors[0]);
  return thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
}

const untrusted =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_CERT_ALTNAME_INVALID)/;

/** What to do where TLS, or its absence, is what went wrong; null where it is something else. */
function tlsTrouble(code: string, base: string): string | null {
  if (untrusted.test(code)) {
    return `the certificate of ${base} is not trusted (${code}): --ca names its authority, or -c FILE Aurelay's own configuration`;
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return `what answers at ${base} does not speak TLS: is it http://?`;
  }
  if (code === 'ECONNRESET' && base.startsWith('http:')) {
    return `what answers at ${base} does not speak plain HTTP: is it https://?`;
  }
  return null;
}
