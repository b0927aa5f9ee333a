import { formatAddress } from '../../cluster/instance.ts';
import { type KillCommand, type Killer, OperationFailed, type Target } from '../engine.ts';
import { describeFailure, errnoOf } from './failure.ts';
import { killSql } from './kill.ts';
import { type Session, StepFailed, withSession } from './session.ts';

const noSuchThread = 1094;
const notOwner = 1095;

/** What a server calls a session whose client has not logged in yet. */
const nobody = 'unauthenticated user';

/**
 * Needs, on MariaDB, PROCESS and CONNECTION ADMIN, and on MySQL, SELECT on `performance_schema.threads` and
 * CONNECTION_ADMIN.
 */
export class MysqlKiller implements Killer {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  userOf(number: number, timeoutMs: number): Promise<string | null> {
    return this.#work(timeoutMs, (session) => userOf(session, number));
  }

  kill(command: KillCommand, user: string, timeoutMs: number): ReturnType<Killer['kill']> {
    return this.#work(timeoutMs, async (session) => {
      // Numbers only grow: a server that gives out smaller ones has been restarted, and means another session.
      if (session.connectionId <= command.session) return 'unknown';
      const owner = await userOf(session, command.session);
      if (owner === null) return 'unknown';
      if (owner !== user) return 'not-owner';
      try {
        await session.run('carrying out the KILL', killSql(command));
        return 'done';
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === noSuchThread) return 'unknown';
        if (errno !== notOwner) throw error;
        throw new OperationFailed('the monitor user may not end it: grant CONNECTION ADMIN');
      }
    });
  }

  async #work<Value>(timeoutMs: number, work: (session: Session) => Promise<Value>): Promise<Value> {
    try {
      return await withSession(this.#target, timeoutMs, work);
    } catch (error) {
      if (error instanceof OperationFailed) throw error;
      const cause = error instanceof StepFailed ? error.cause : error;
      const why = describeFailure(cause, [this.#target.password]);
      throw new OperationFailed(`${formatAddress(this.#target.address)}: ${why}`);
    }
  }
}

async function userOf(session: Session, number: number): Promise<string | null> {
  const [rows] = await session.run('asking whose it is', session.dialect.sessionUserSql(number));
  const user = rows?.[0]?.user ?? null;
  return user === nobody ? null : user;
}
