import { OperationFailed } from '../engine.ts';
import { dontWaitSql, type SemiSyncReplica, type SemiSyncSource, waitForSql } from './semi-sync.ts';
import type { Session } from './session.ts';

/**
 * Each commit waits from its return on. MariaDB waits for one replica, whatever `count` is. Never to be set where
 * replication runs: the applier's own commits would wait too.
 */
export async function waitForReplicas(session: Session, count: number): Promise<void> {
  const { source } = (await session.status()).semiSync;
  if (source === null && count === 0) return;
  const statements = waitForSql(required(source, 'semisync_source.so'), count);
  for (const statement of statements) await session.run('setting what a commit waits for', statement);
}

/**
 * A replica that received a commit before it was made to acknowledge never acknowledges that one, and where every
 * client waits, no later one comes that would let it go. Something harmless in the binary log does: written after it,
 * its receipt covers it.
 */
export async function nudge(session: Session, count: number): Promise<void> {
  const { source } = (await session.status()).semiSync;
  if (source === null || count === 0 || source.waiting === 0 || source.clients < count) return;
  await session.run('letting go of commits that the replicas have', 'FLUSH ENGINE LOGS');
}

/** A server that becomes a replica waits for nobody: nobody acknowledges to it. */
export async function waitForNobody(session: Session): Promise<void> {
  const { source } = (await session.status()).semiSync;
  const statements = source === null ? [] : dontWaitSql(source);
  for (const statement of statements) await session.run('setting that no commit waits', statement);
}

/** Takes effect when the receiver connects the next time. */
export async function acknowledge(session: Session, replica: SemiSyncReplica | null): Promise<void> {
  const { enabled, enabledName } = required(replica, 'semisync_replica.so');
  const { beforeAcknowledgingSql } = session.dialect;
  if (!enabled && beforeAcknowledgingSql !== null) {
    await session.run('preparing to acknowledge commits', beforeAcknowledgingSql);
  }
  if (!enabled) await session.run('acknowledging commits', `SET GLOBAL ${enabledName} = ON`);
}

function required<Side extends SemiSyncSource | SemiSyncReplica>(side: Side | null, plugin: string): Side {
  if (side !== null) return side;
  throw new OperationFailed(
    `it lacks the plugin for a write quorum (${plugin}): put "plugin-load-add=semisync_source.so" and ` +
      '"plugin-load-add=semisync_replica.so" into the [mysqld] section of its option file and restart it',
  );
}
