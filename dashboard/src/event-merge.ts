import type { EventJson } from '../../src/admin/api.ts';

/** As many as the page keeps; the oldest go first. */
const mostEvents = 1_000;

/**
 * Both, each event once, the newest first. After a restart of Aurelay its numbers begin again, so that time comes before
 * number, and neither alone says which event it is.
 */
export function mergeEvents(before: readonly EventJson[], added: readonly EventJson[]): readonly EventJson[] {
  if (added.length === 0) return before;
  const byIdentity = new Map([...before, ...added].map((event) => [identityOf(event), event]));
  if (byIdentity.size === before.length) return before;
  return [...byIdentity.values()]
    .sort((one, other) => other.at.localeCompare(one.at) || other.seq - one.seq)
    .slice(0, mostEvents);
}

export const identityOf = ({ seq, at }: EventJson): string => `${at}#${seq}`;

export interface EventFilter {
  /** Null: all. */
  readonly cluster: string | null;
  /** Only what is no mere information. */
  readonly troubleOnly: boolean;
}

export const isTrouble = ({ level }: EventJson): boolean => level !== 'info' && level !== 'debug';

export const filterEvents = (events: readonly EventJson[], { cluster, troubleOnly }: EventFilter) =>
  events.filter(
    (event) => (cluster === null || event.cluster === cluster) && (!troubleOnly || isTrouble(event)),
  );

/** Whether a change of the writer may have left another record since. */
export const changesRecords = ({ name }: EventJson): boolean =>
  [
    'failover.completed',
    'failover.blocked',
    'promotion.failed',
    'switchover.undone',
    'writer.elected',
  ].includes(name) || name.startsWith('rejoin.');
