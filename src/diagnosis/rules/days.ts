const dayMs = 24 * 3_600_000;

/** `expires in 12 days`, or that it has. Both in milliseconds since 1970-01-01 UTC. */
export function untilText(expiresAt: number, now: number): string {
  const days = Math.floor(Math.abs(expiresAt - now) / dayMs);
  const count = `${days} day${days === 1 ? '' : 's'}`;
  return expiresAt < now ? `expired ${count} ago` : `expires in ${count}`;
}
