import { performance } from 'node:perf_hooks';
import type { ProbeFailure } from '../../cluster/observation.ts';
import { type Outcome, withDeadline } from '../deadline.ts';
import type { Probe, ProbeResult, Target } from '../engine.ts';
import { ServerConnection } from './connection.ts';
import { Door } from './door.ts';
import { classify } from './failure.ts';
import {
  historyQuery,
  needsHistory,
  observe,
  readStatus,
  type StatusMemory,
  type StatusRow,
  statusQuery,
} from './status.ts';

/** A deadline noticed later than this share of itself says more about this process than about the server. */
const stallShare = 0.5;
/** So many deadlines may a new connection wait to be let in: a rush of clients takes a while to get through. */
const doorPatience = 2;

/** Looks at one server through one connection that is kept from look to look. */
export class PostgresProbe implements Probe {
  onLost: ((detail: string) => void) | null = null;
  readonly #target: Target;
  readonly #door = new Door();
  #connection: ServerConnection | null = null;
  #memory: StatusMemory | null = null;
  #running: Promise<ProbeResult> | null = null;
  #closed = false;

  constructor(target: Target) {
    this.#target = target;
  }

  /** A second call while one is under way gets the result of the first. */
  probe(timeoutMs: number): Promise<ProbeResult> {
    this.#running ??= this.#look(timeoutMs).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  close(): void {
    this.#closed = true;
    this.onLost = null;
    this.#door.close();
    const connection = this.#connection;
    this.#connection = null;
    if (this.#running === null) connection?.close();
    else connection?.destroy();
  }

  async #look(timeoutMs: number): Promise<ProbeResult> {
    if (this.#closed) return closed;
    const startedAt = performance.now();
    const outcome = await withDeadline(this.#readRow(timeoutMs), timeoutMs);
    if (this.#closed) return closed;
    return this.#conclude(outcome, startedAt, timeoutMs);
  }

  async #readRow(timeoutMs: number): Promise<StatusRow> {
    const kept = this.#connection;
    if (kept !== null) this.#door.knock(kept.peer, doorPatience * timeoutMs, this.#target.preamble);
    const connection = kept ?? (await this.#connect(timeoutMs));
    const [row = {}] = await connection.query(statusQuery);
    if (!needsHistory(row)) return row;
    const [history] = await connection.query(historyQuery);
    return { ...row, ...history };
  }

  async #connect(timeoutMs: number): Promise<ServerConnection> {
    // Twice the deadline: whether a server is too slow is judged here and not by the server.
    const connection = new ServerConnection(this.#target, {
      applicationName: 'aurelay-probe',
      statementTimeoutMs: 2 * timeoutMs,
    });
    this.#connection = connection;
    connection.onBroken = (error) => this.#lost(connection, error);
    try {
      await connection.open();
      this.#door.opened();
    } catch (error) {
      this.#drop(connection);
      throw error;
    }
    return connection;
  }

  #conclude(outcome: Outcome<StatusRow>, startedAt: number, timeoutMs: number): ProbeResult {
    switch (outcome.kind) {
      case 'expired':
        this.#drop(this.#connection);
        return failed(lateness(outcome.latenessMs, timeoutMs));
      case 'failed':
        if (this.#connection?.isBroken === true) this.#drop(this.#connection);
        return failed(this.#classify(outcome.error));
      case 'done':
        return this.#observed(outcome.value, startedAt, timeoutMs);
    }
  }

  #observed(row: StatusRow, startedAt: number, timeoutMs: number): ProbeResult {
    try {
      const { observation, memory } = observe(
        readStatus(row),
        this.#memory,
        startedAt,
        this.#target.instance,
      );
      this.#memory = memory;
      const shut = this.#door.look(doorPatience * timeoutMs);
      if (shut !== null) return failed(shut);
      return { kind: 'observed', observation };
    } catch (error) {
      return failed(this.#classify(error));
    }
  }

  #classify(error: unknown): ProbeFailure {
    return classify(error, [this.#target.password]);
  }

  /** A break under a running probe is that probe's result; an idle one is news. */
  #lost(connection: ServerConnection, error: Error): void {
    if (connection !== this.#connection) return;
    this.#drop(connection);
    if (this.#running === null) this.onLost?.(this.#classify(error).detail);
  }

  #drop(connection: ServerConnection | null): void {
    connection?.destroy();
    if (connection === this.#connection) this.#connection = null;
  }
}

const failed = (failure: ProbeFailure): ProbeResult => ({ kind: 'failed', failure });

const closed = failed({ reason: 'local-stall', detail: 'the probe was closed' });

function lateness(latenessMs: number, timeoutMs: number): ProbeFailure {
  if (latenessMs > timeoutMs * stallShare) {
    return {
      reason: 'local-stall',
      detail: `Aurelay itself was busy and looked ${Math.round(latenessMs)}ms too late for the answer`,
    };
  }
  return { reason: 'timeout', detail: `no answer within ${timeoutMs}ms` };
}
