import { performance } from 'node:perf_hooks';
import type { Target } from '../engine.ts';
import { chooseDialect } from './dialects/choose.ts';
import type { Dialect, Results, ServerStatus, Statement } from './dialects/dialect.ts';
import { type Link, openLink } from './link.ts';

/** One operation's connection, which ends with its deadline. */
export interface Session {
  readonly dialect: Dialect;
  readonly connectionId: number;
  readonly user: string;
  /** Milliseconds until the deadline; 0 once it has passed. */
  remainingMs(): number;
  /** Runs `statement`; `doing` says in an error what it was for. */
  /** Another session, with the same deadline, for while this one waits. */
  beside<Value>(work: (other: Session) => Promise<Value>): Promise<Value>;
  run(doing: string, statement: string | Statement): Promise<Results>;
  status(): Promise<ServerStatus>;
  /** Waits; never past the deadline. */
  pause(milliseconds: number): Promise<void>;
}

/** The name in the server's connection attributes. */
const programName = 'aurelay-operation';

/** What an operation was doing when it failed, and why. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly doing: string;

  constructor(doing: string, cause: unknown) {
    super(`failed while ${doing}`, { cause });
    this.doing = doing;
  }
}

/**
 * Backslashes in strings mean what the driver's escaping thinks they mean; and a statement that waits for a lock gives
 * up soon enough to look around and try again.
 */
const prepareSql = "SET SESSION sql_mode = '', SESSION lock_wait_timeout = 1";

/** Connects, hands over the session, and closes it whatever comes of it. Whatever fails is a `StepFailed`. */
export async function withSession<Value>(
  target: Target,
  timeoutMs: number,
  work: (session: Session) => Promise<Value>,
): Promise<Value> {
  const due = performance.now() + timeoutMs;
  const abort = new AbortController();
  let link: Link | null = null;
  const timer = setTimeout(() => {
    abort.abort();
    link?.destroy();
  }, timeoutMs);
  try {
    link = await step('connecting', () => openLink(target, programName, abort.signal));
    const session = new LinkSession(link, target, due);
    await session.run('preparing the session', prepareSql);
    return await work(session);
  } catch (error) {
    if (!abort.signal.aborted || !(error instanceof StepFailed)) throw error;
    throw new StepFailed(error.doing, new Error(`not done within ${timeoutMs} ms`));
  } finally {
    clearTimeout(timer);
    link?.destroy();
  }
}

async function step<Value>(doing: string, act: () => Promise<Value>): Promise<Value> {
  try {
    return await act();
  } catch (error) {
    throw new StepFailed(doing, error);
  }
}

class LinkSession implements Session {
  readonly dialect: Dialect;
  readonly connectionId: number;
  readonly user: string;
  private readonly link: Link;
  private readonly target: Target;
  private readonly due: number;

  constructor(link: Link, target: Target, due: number) {
    this.link = link;
    this.due = due;
    this.target = target;
    this.user = target.user;
    this.dialect = chooseDialect(link.version);
    this.connectionId = link.connectionId;
  }

  remainingMs(): number {
    return Math.max(0, this.due - performance.now());
  }

  beside<Value>(work: (other: Session) => Promise<Value>): Promise<Value> {
    return withSession(this.target, this.remainingMs(), work);
  }

  run(doing: string, statement: string | Statement): Promise<Results> {
    return step(doing, () => this.link.query(statement));
  }

  async status(): Promise<ServerStatus> {
    return this.dialect.readStatus(await this.run('reading its status', this.dialect.statusSql));
  }

  pause(milliseconds: number): Promise<void> {
    const waitMs = Math.min(milliseconds, this.remainingMs());
    return new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}
