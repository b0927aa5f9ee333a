import { type Address, formatAddress } from '../../cluster/instance.ts';
import type { Position } from '../../cluster/position.ts';
import { type Credentials, OperationFailed, type Operations, type Quorum, type Target } from '../engine.ts';
import { describeFailure } from './failure.ts';
import { follow } from './follow.ts';
import { onlyChannel } from './only-channel.ts';
import { formatPosition } from './position.ts';
import { promote } from './promote.ts';
import { nudge, waitForReplicas } from './quorum.ts';
import { refuseWrites } from './refuse-writes.ts';
import { seal } from './seal.ts';
import { type Session, StepFailed, withSession } from './session.ts';

/**
 * Promotion and what belongs to it, through SQL. Besides what the probe needs, the monitor user needs
 *
 * - on MySQL: REPLICATION_SLAVE_ADMIN, CONNECTION_ADMIN, SYSTEM_VARIABLES_ADMIN, PROCESS, RELOAD;
 * - on MariaDB: REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN (for a quorum), CONNECTION ADMIN, READ ONLY ADMIN, PROCESS, RELOAD;
 * - REPLICATION SLAVE as well where servers replicate as the monitor user (see `follow`).
 *
 * `read_only` is set for the running server and not persisted: keep `read_only=ON` in every server's option file, so
 * that one that restarts by itself takes no writes.
 */
export class MysqlOperations implements Operations {
  private readonly target: Target;

  constructor(target: Target) {
    this.target = target;
  }

  promote(timeoutMs: number, quorum: Quorum | null): Promise<Position> {
    return this.operate('promote', timeoutMs, (session) => promote(session, quorum));
  }

  /** Without credentials of its own and none given, the server replicates as the monitor user. */
  follow(
    source: Address,
    replication: Credentials | null,
    acknowledging: boolean,
    timeoutMs: number,
  ): Promise<void> {
    const fallback = { user: this.target.user, password: this.target.password };
    const inTls = this.target.tls.isRequired;
    return this.operate(
      'follow',
      timeoutMs,
      (session) => follow(session, source, { replication, fallback, acknowledging, inTls }),
      replication?.password ?? null,
    );
  }

  seal(timeoutMs: number): Promise<Position> {
    return this.operate('seal', timeoutMs, seal);
  }

  /** Whoever acknowledges is counted: MySQL and MariaDB know no names. */
  requireQuorum({ count }: Quorum, timeoutMs: number): Promise<void> {
    return this.operate('requiring a quorum', timeoutMs, async (session) => {
      if (onlyChannel(await session.status()) !== null) {
        throw new OperationFailed('it is a replica, where no commit may wait for others: promote it first');
      }
      await waitForReplicas(session, count);
      await nudge(session, count);
    });
  }

  /**
   * On MySQL nobody can write afterwards. On MariaDB users with SUPER or READ ONLY ADMIN still can, once they have
   * connected again.
   */
  fence(timeoutMs: number): Promise<Position> {
    return this.operate('fence', timeoutMs, async (session) => {
      await refuseWrites(session);
      return formatPosition((await session.status()).held);
    });
  }

  unfence(timeoutMs: number): Promise<void> {
    return this.operate('unfence', timeoutMs, async (session) => {
      if (onlyChannel(await session.status()) !== null) {
        throw new OperationFailed(
          'it replicates from another server, so that it is no writer to be let write again',
        );
      }
      await session.run('allowing writes', session.dialect.allowWritesSql);
    });
  }

  private async operate<Value>(
    name: string,
    timeoutMs: number,
    work: (session: Session) => Promise<Value>,
    secret: string | null = null,
  ): Promise<Value> {
    try {
      return await withSession(this.target, timeoutMs, work);
    } catch (error) {
      const secrets = [this.target.password, secret];
      throw new OperationFailed(
        `${name} of ${formatAddress(this.target.address)}: ${explain(error, secrets)}`,
      );
    }
  }
}

function explain(error: unknown, secrets: readonly (string | null)[]): string {
  if (error instanceof StepFailed) return `${error.message}: ${describeFailure(error.cause, secrets)}`;
  return describeFailure(error, secrets);
}
