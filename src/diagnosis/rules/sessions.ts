import type { ClusterSubject, ServerSubject } from '../subject.ts';

/** Connections that clients can have there; null where the server does not say. */
export function placesOf({ facts }: ServerSubject): number | null {
  if (facts.engine === 'mysql') return numeric(facts.variables.get('max_connections'));
  const setting = (name: string): number => numeric(facts.settings.get(name)?.value) ?? 0;
  const all = setting('max_connections');
  return all === 0 ? null : all - setting('superuser_reserved_connections') - setting('reserved_connections');
}

/** Aurelay's own: one that looks, one that acts. */
export const ownConnections = 2;

/** Sessions that all endpoints together can bring to one server of the cluster. */
export const mostSessions = ({ cluster }: ClusterSubject): number =>
  [...cluster.endpoints.values()].reduce((sum, { maxSessions }) => sum + maxSessions, 0);

const numeric = (text: string | undefined): number | null =>
  text === undefined || !Number.isFinite(Number(text)) ? null : Number(text);
