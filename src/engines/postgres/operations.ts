import { setTimeout as sleep } from 'node:timers/promises';
import { unreachable } from '../../base/assert.ts';
import { type Address, formatAddress } from '../../cluster/instance.ts';
import type { Position } from '../../cluster/position.ts';
import { withDeadline } from '../deadline.ts';
import { type Credentials, OperationFailed, type Operations, type Quorum, type Target } from '../engine.ts';
import { ServerConnection } from './connection.ts';
import { ConninfoInvalid } from './conninfo.ts';
import { classify, withoutSecrets } from './failure.ts';
import { fence, removeFence } from './fence.ts';
import { requireQuorum } from './quorum.ts';
import { pollMs, status } from './server-settings.ts';
import { follow, seal } from './source.ts';
import { beginning, currentPosition } from './status.ts';

/** Promotes, repoints and fences one server through SQL. docs/servers.md says what the monitor role needs for it. */
export class PostgresOperations implements Operations {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  promote(timeoutMs: number, quorum: Quorum | null): Promise<Position> {
    return this.#run('promote', timeoutMs, [], async (connection) => {
      const before = await status(connection);
      if (quorum !== null) await requireQuorum(connection, quorum);
      await removeFence(connection);
      if (!before.inRecovery) return currentPosition(await status(connection));
      // Waiting is done here: pg_promote() itself looks only every 100 ms whether it is done.
      await connection.query('SELECT pg_promote(false)');
      for (;;) {
        const after = await status(connection);
        if (!after.inRecovery) return beginning(after);
        await sleep(pollMs);
      }
    });
  }

  follow(
    source: Address,
    replication: Credentials | null,
    acknowledging: boolean,
    timeoutMs: number,
  ): Promise<void> {
    const name = acknowledging ? this.#target.instance : null;
    return this.#run('follow', timeoutMs, [replication?.password ?? null], (connection) =>
      follow(connection, source, replication, name),
    );
  }

  seal(timeoutMs: number): Promise<Position> {
    return this.#run('seal', timeoutMs, [], seal);
  }

  requireQuorum(quorum: Quorum, timeoutMs: number): Promise<void> {
    return this.#run('require a quorum of', timeoutMs, [], async (connection) => {
      if ((await status(connection)).inRecovery) {
        throw new OperationFailed('it is a replica, where no commit waits for others: promote it first');
      }
      await requireQuorum(connection, quorum);
    });
  }

  fence(timeoutMs: number): Promise<Position> {
    return this.#run('fence', timeoutMs, [], fence);
  }

  unfence(timeoutMs: number): Promise<void> {
    return this.#run('unfence', timeoutMs, [], removeFence);
  }

  /** One connection and one deadline for all of `work`; at the deadline the connection goes, and `work` with it. */
  async #run<Value>(
    what: string,
    timeoutMs: number,
    secrets: readonly (string | null)[],
    work: (connection: ServerConnection) => Promise<Value>,
  ): Promise<Value> {
    const connection = new ServerConnection(this.#target, {
      applicationName: 'aurelay-operations',
      statementTimeoutMs: timeoutMs,
    });
    const outcome = await withDeadline(
      connection.open().then(() => work(connection)),
      timeoutMs,
    );
    const subject = `${what} ${formatAddress(this.#target.address)}`;
    switch (outcome.kind) {
      case 'done':
        connection.close();
        return outcome.value;
      case 'expired':
        connection.destroy();
        throw new OperationFailed(`${subject}: not done within ${timeoutMs}ms`);
      case 'failed':
        connection.close();
        throw new OperationFailed(
          `${subject}: ${reasonText(outcome.error, [this.#target.password, ...secrets])}`,
        );
      default:
        return unreachable(outcome);
    }
  }
}

function reasonText(error: unknown, secrets: readonly (string | null)[]): string {
  if (error instanceof OperationFailed || error instanceof ConninfoInvalid) {
    return withoutSecrets(error.message, secrets);
  }
  return classify(error, secrets).detail;
}
