import type { Clock, Timer } from '../../base/clock.ts';
import type { Relay, RelayHandle, RelayJob } from './relay.ts';

/** How often a session is looked at in its time, and so how exactly it is kept: to a fourth of it, never early. */
const looks = 4;

/**
 * Ends sessions that have carried no byte either way for as long as their job says, a stalled reader's among them. One
 * timer and one look at the counts, whoever carries: what is not asked for costs nothing.
 */
export function withIdleTimeout(relay: Relay, clock: Clock): Relay {
  return {
    start(job) {
      const { idleTimeoutMs } = job;
      return idleTimeoutMs === undefined ? relay.start(job) : startWatched(relay, job, clock, idleTimeoutMs);
    },
  };
}

function startWatched(relay: Relay, job: RelayJob, clock: Clock, idleTimeoutMs: number): RelayHandle {
  let timer: Timer | null = null;
  let carried = -1;
  let idleSince = clock.now();
  const handle = relay.start({
    ...job,
    onEnd: (reason, bytes) => {
      timer?.cancel();
      job.onEnd(reason, bytes);
    },
  });
  const look = () => {
    const { sent, received } = handle.bytes();
    if (sent + received !== carried) {
      carried = sent + received;
      idleSince = clock.now();
    } else if (clock.now() - idleSince >= idleTimeoutMs) {
      handle.close('idle-timeout');
      return;
    }
    timer = clock.after(idleTimeoutMs / looks, look);
  };
  look();
  return handle;
}
