import { performance } from 'node:perf_hooks';
import type { Observation, ProbeFailure } from '../../cluster/observation.ts';
import { type Outcome, withDeadline } from '../deadline.ts';
import type { Probe, ProbeResult, Target } from '../engine.ts';
import { chooseDialect } from './dialects/choose.ts';
import type { Dialect, Results, Row } from './dialects/dialect.ts';
import { classifyFailure } from './failure.ts';
import { type Link, openLink } from './link.ts';
import { observationOf } from './observation.ts';
import { SignsOfLife } from './signs-of-life.ts';

/** The name in the server's connection attributes. */
const programName = 'aurelay-probe';

/** How long a refusal to show heartbeats is taken for an answer: somebody may give the grant meanwhile. */
const askAgainMs = 60_000;
/** The table is denied, or not there (MySQL manual, "Server Error Message Reference": 1044, 1142; 1049, 1146). */
const heartbeatRefusals: ReadonlySet<unknown> = new Set([1044, 1049, 1142, 1146]);

/**
 * Looks at one server over one connection, in one round trip. The monitor user needs REPLICATION CLIENT (MySQL) or
 * SLAVE MONITOR (MariaDB). On MySQL it is heard from an idle replica that its source lives only by who may read
 * `performance_schema.replication_connection_status`.
 */
export class MysqlProbe implements Probe {
  onLost: ((detail: string) => void) | null = null;
  private readonly target: Target;
  private link: Link | null = null;
  private looking: Promise<ProbeResult> | null = null;
  private abort: AbortController | null = null;
  private closed = false;
  private readonly signs = new SignsOfLife();
  private heartbeatsRefusedAt: number | null = null;

  constructor(target: Target) {
    this.target = target;
  }

  probe(timeoutMs: number): Promise<ProbeResult> {
    this.looking ??= this.look(timeoutMs).finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  close(): void {
    this.closed = true;
    this.onLost = null;
    this.abort?.abort();
    this.drop();
  }

  private async look(timeoutMs: number): Promise<ProbeResult> {
    if (this.closed) return failed({ reason: 'local-stall', detail: 'this probe is closed' });
    const abort = new AbortController();
    this.abort = abort;
    const outcome = await withDeadline(this.observe(abort.signal), timeoutMs);
    const result = this.resultOf(outcome, timeoutMs);
    abort.abort();
    if (result.kind === 'failed') this.drop();
    return result;
  }

  private resultOf(outcome: Outcome<Observation>, timeoutMs: number): ProbeResult {
    switch (outcome.kind) {
      case 'done':
        return { kind: 'observed', observation: outcome.value };
      case 'failed':
        return failed(classifyFailure(outcome.error, [this.target.password]));
      case 'expired':
        return failed(silence(timeoutMs, outcome.latenessMs));
    }
  }

  private async observe(signal: AbortSignal): Promise<Observation> {
    const link = this.link ?? (await this.connect(signal));
    const dialect = chooseDialect(link.version);
    const { results, heartbeats } = await this.ask(link, dialect);
    const status = dialect.readStatus(results);
    const heardSecondsAgo = this.signs.heardSecondsAgo(status, heartbeats, performance.now());
    return observationOf(status, link.version, heardSecondsAgo);
  }

  private async ask(link: Link, { statusSql, heartbeatsSql }: Dialect): Promise<Answer> {
    const refusedAt = this.heartbeatsRefusedAt;
    const isRefused = refusedAt !== null && performance.now() - refusedAt < askAgainMs;
    if (heartbeatsSql !== null && !isRefused) {
      try {
        const results = await link.query(`${statusSql}; ${heartbeatsSql}`);
        this.heartbeatsRefusedAt = null;
        return { results, heartbeats: results.at(-1) ?? null };
      } catch (error) {
        if (!heartbeatRefusals.has((error as { errno?: unknown }).errno)) throw error;
        this.heartbeatsRefusedAt = performance.now();
      }
    }
    return { results: await link.query(statusSql), heartbeats: null };
  }

  private async connect(signal: AbortSignal): Promise<Link> {
    const link = await openLink(this.target, programName, signal);
    if (signal.aborted) {
      link.destroy();
      throw new Error('connected after the deadline');
    }
    link.onLost = (reason) => this.lost(link, reason);
    this.link = link;
    return link;
  }

  private lost(link: Link, reason: Error): void {
    if (this.link !== link) return;
    this.link = null;
    // While a probe is under way, its own failure says it.
    if (this.looking === null) this.onLost?.(classifyFailure(reason, [this.target.password]).detail);
  }

  private drop(): void {
    const { link } = this;
    this.link = null;
    link?.destroy();
  }
}

interface Answer {
  readonly results: Results;
  /** Null where they are not shown. */
  readonly heartbeats: readonly Row[] | null;
}

const failed = (failure: ProbeFailure): ProbeResult => ({ kind: 'failed', failure });

/** A timer that fired far too late is this process's failure and not the server's. */
function silence(timeoutMs: number, latenessMs: number): ProbeFailure {
  return latenessMs > timeoutMs / 2
    ? {
        reason: 'local-stall',
        detail: `Aurelay was held up for ${Math.round(latenessMs)} ms and cannot tell`,
      }
    : { reason: 'timeout', detail: `no answer within ${timeoutMs} ms` };
}
