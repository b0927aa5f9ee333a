import type { Observation, Replication } from '../../cluster/observation.ts';
import type { Channel, ServerStatus } from './dialects/dialect.ts';
import { formatPosition } from './position.ts';
import { acknowledgementOf, type SemiSyncReplica } from './semi-sync.ts';
import type { ServerVersion } from './server-version.ts';

/** What the cluster is told of a server's status. A writer is one that takes writes and has no source. */
export function observationOf(
  status: ServerStatus,
  version: ServerVersion,
  heardSecondsAgo: number | null,
): Observation {
  const role = status.writable && status.channels.length === 0 ? 'writer' : 'replica';
  return {
    role,
    writable: status.writable,
    identity: status.identity,
    timeline: null,
    position: formatPosition(status.held),
    lagSeconds: role === 'writer' ? 0 : lagOf(status.channels),
    replication: replicationOf(status, heardSecondsAgo),
    acknowledgement: role === 'writer' ? acknowledgementOf(status.semiSync) : null,
    version: version.name,
  };
}

/** Of the channel that is furthest behind; null where one cannot tell, as all that do not apply or have no source. */
function lagOf(channels: readonly Channel[]): number | null {
  if (channels.length === 0) return null;
  let lag = 0;
  for (const { applying, secondsBehind } of channels) {
    if (!applying || secondsBehind === null) return null;
    lag = Math.max(lag, secondsBehind);
  }
  return lag;
}

/** A replica of several sources streams while all do; its source is that of the default channel, or of the first. */
function replicationOf(
  { channels, semiSync }: ServerStatus,
  heardSecondsAgo: number | null,
): Replication | null {
  const main = channels.find(({ name }) => name === '') ?? channels[0];
  if (main === undefined) return null;
  return {
    source: main.source,
    streaming: channels.every(({ receiving }) => receiving === 'running'),
    heardSecondsAgo,
    error: channels.map(lastingError).find((error) => error !== null) ?? null,
    stopped: isStopped(main),
    acknowledges: acknowledges(semiSync.replica, main),
  };
}

/** By somebody, and not by an error of its own. One that never got through to its source keeps the error of its last try. */
const isStopped = ({ receiving, receiveError }: Channel): boolean =>
  receiving === 'stopped' && (receiveError === null || isClientError(receiveError.errno));

/** The client library's own errors, on the way to the source (MySQL Client Error Message Reference). */
const isClientError = (errno: number): boolean => errno >= 2000 && errno < 3000;

/** A receiver that connected before it was told to acknowledge, does not. */
const acknowledges = (replica: SemiSyncReplica | null, { receiving }: Channel): boolean =>
  replica?.enabled === true && (receiving !== 'running' || replica.acknowledges);

/** A login that the source refuses is retried for ever, and for nothing. */
const lastingReceiveErrnos: ReadonlySet<number> = new Set([1044, 1045, 1130, 1227, 1698, 2059, 2061]);

function lastingError({ applying, applyError, receiving, receiveError }: Channel): string | null {
  if (!applying && applyError !== null) return applyError.message;
  if (receiving === 'running' || receiveError === null) return null;
  const lasts = receiving === 'stopped' || lastingReceiveErrnos.has(receiveError.errno);
  return lasts ? receiveError.message : null;
}
