import { formatDuration } from '../../base/duration.ts';
import { leastSkewMs } from '../../engines/clock-reading.ts';
import { act } from '../fix.ts';
import { type ClusterRule, found, notApplicable, passed, type ServerRule } from '../rule.ts';
import { serversOf } from '../subject.ts';
import { untilText } from './days.ts';

/** By more than this, lags and the times in logs mislead. */
const mostSkewMs = 1_000;
const dayMs = 24 * 3_600_000;
const soonDays = 14;

const setClock = act(
  'let chrony or systemd-timesyncd set the clock (`chronyc tracking`, `timedatectl`), on this machine too',
);

export const clockRules: readonly ServerRule[] = [
  {
    id: 'clock-skew',
    severity: 'warning',
    scope: 'server',
    expects: `the server's clock is within ${formatDuration(mostSkewMs)} of this machine's`,
    why: 'Times in logs and events do not fit together, and certificates expire early or late.',
    remedy: 'chrony or systemd-timesyncd on every machine',
    look: ({ facts: { clock } }) => {
      if (leastSkewMs(clock) <= mostSkewMs) return passed;
      const side = clock.aheadMs > 0 ? 'ahead of' : 'behind';
      return found(
        `its clock is ${formatDuration(Math.abs(clock.aheadMs))} ${side} this machine's (± ${formatDuration(clock.uncertaintyMs)})`,
        setClock,
      );
    },
  },
  {
    id: 'server-certificate-expired',
    severity: 'error',
    scope: 'server',
    expects: "the server's certificate has not expired",
    why: 'Clients that check it are refused, and Aurelay is too with `verify-ca` and `verify-full`.',
    remedy: 'renew it on the server and reload the server',
    look: ({ facts: { tls }, of }) => {
      if (tls === null || tls.expiresAt === null) return notApplicable;
      if (tls.expiresAt > of.now) return passed;
      return found(`the certificate that it shows ${untilText(tls.expiresAt, of.now)}`, renew);
    },
  },
  {
    id: 'server-certificate-expires-soon',
    severity: 'warning',
    scope: 'server',
    expects: `the server's certificate is good for ${soonDays} days`,
    why: 'From that day on clients that check it are refused, on every server whose certificate came with it.',
    remedy: 'renew it on the server and reload the server',
    look: ({ facts: { tls }, of }) => {
      if (tls === null || tls.expiresAt === null || tls.expiresAt <= of.now) return notApplicable;
      if (tls.expiresAt > of.now + soonDays * dayMs) return passed;
      return found(`the certificate that it shows ${untilText(tls.expiresAt, of.now)}`, renew);
    },
  },
];

const renew = act(
  'put a new certificate on the server and have it read (PostgreSQL: `SELECT pg_reload_conf()`, MySQL: `ALTER INSTANCE RELOAD TLS`, MariaDB: `FLUSH SSL`)',
);

export const clusterClockRules: readonly ClusterRule[] = [
  {
    id: 'clocks-differ',
    severity: 'warning',
    scope: 'cluster',
    expects: `the clocks of the servers are within ${formatDuration(mostSkewMs)} of each other`,
    why: "A replica's lag is the difference of two servers' clocks: readers with `max_lag` leave out replicas that are up to date, or keep those that are not.",
    remedy: 'chrony or systemd-timesyncd on every machine',
    look: (cluster) => {
      const servers = serversOf(cluster).toSorted((a, b) => a.facts.clock.aheadMs - b.facts.clock.aheadMs);
      const [slow, fast] = [servers[0], servers.at(-1)];
      if (slow === undefined || fast === undefined || slow === fast) return notApplicable;
      const apart = fast.facts.clock.aheadMs - slow.facts.clock.aheadMs;
      const unsure = fast.facts.clock.uncertaintyMs + slow.facts.clock.uncertaintyMs;
      if (apart - unsure <= mostSkewMs) return passed;
      return found(
        `the clock of ${fast.instance.id} is ${formatDuration(apart)} ahead of that of ${slow.instance.id}`,
        setClock,
      );
    },
  },
];
