import { parseIp } from '../base/ip.ts';
import type { HbaLine } from '../engines/survey.ts';

/** `unknown`: a line of names or groups stands before any that decides. */
export type HbaAnswer = 'allowed' | 'rejected' | 'no-line' | 'unknown';

/**
 * Whether pg_hba.conf lets `user` replicate from `address` (manual, "The pg_hba.conf File"): the first line that fits
 * decides. Lines for TLS and those without are taken alike, since either may be what a replica uses.
 */
export function mayReplicate(lines: readonly HbaLine[], user: string, address: string): HbaAnswer {
  let isUnsure = false;
  for (const line of lines) {
    if (line.type === 'local' || !line.databases.includes('replication')) continue;
    const fits = both(namesUser(line, user), coversAddress(line, address));
    if (fits === 'no') continue;
    if (fits === 'maybe') {
      isUnsure = true;
      continue;
    }
    if (line.method === 'reject') {
      // One for connections without TLS says nothing of those with it.
      if (line.type !== 'host') continue;
      return isUnsure ? 'unknown' : 'rejected';
    }
    return 'allowed';
  }
  return isUnsure ? 'unknown' : 'no-line';
}

type Fit = 'yes' | 'no' | 'maybe';

const both = (a: Fit, b: Fit): Fit => {
  if (a === 'no' || b === 'no') return 'no';
  return a === 'maybe' || b === 'maybe' ? 'maybe' : 'yes';
};

/** `+group` and `/regular expression` are the server's to resolve. */
function namesUser({ users }: HbaLine, user: string): Fit {
  if (users.includes('all') || users.includes(user)) return 'yes';
  return users.some((name) => name.startsWith('+') || name.startsWith('/')) ? 'maybe' : 'no';
}

function coversAddress({ address, netmask }: HbaLine, client: string): Fit {
  if (address === null || address === 'all') return 'yes';
  const [net, mask, own] = [parseIp(address), parseIp(netmask ?? ''), parseIp(client)];
  // `samehost`, `samenet` and names.
  if (net === null || mask === null) return 'maybe';
  if (own === null || own.length !== net.length) return 'no';
  const isInside = own.every((byte, at) => (byte & (mask[at] ?? 0)) === ((net[at] ?? 0) & (mask[at] ?? 0)));
  return isInside ? 'yes' : 'no';
}
