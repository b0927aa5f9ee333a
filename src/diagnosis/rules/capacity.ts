import { configureInstance } from '../fix.ts';
import { found, notApplicable, passed, type ServerRule } from '../rule.ts';
import type { ServerSubject } from '../subject.ts';
import { mostSessions, ownConnections, placesOf } from './sessions.ts';

const limitOf = ({ of, instance }: ServerSubject): number | null =>
  of.cluster.serverLimits.get(instance.id)?.maxSessions ?? null;

const limit = (subject: ServerSubject, places: number) =>
  configureInstance(
    subject.of.cluster.id,
    subject.instance.id,
    `max_sessions: ${Math.max(1, places - ownConnections)}`,
  );

export const capacityRules: readonly ServerRule[] = [
  {
    id: 'max-sessions-too-many',
    severity: 'warning',
    scope: 'server',
    expects: "`max_sessions` of an instance fits into the server's `max_connections`",
    why: 'Before Aurelay passes it over, the server refuses clients by itself ("too many clients"), and Aurelay too.',
    remedy: 'a lower `max_sessions`, or a higher `max_connections` on the server, on all alike',
    look: (subject) => {
      const [most, places] = [limitOf(subject), placesOf(subject)];
      if (most === null || places === null) return notApplicable;
      if (most + ownConnections <= places) return passed;
      return found(
        `max_sessions is ${most}, and the server has ${places} connections for clients, of which Aurelay needs ${ownConnections}`,
        limit(subject, places),
      );
    },
  },
  {
    id: 'max-sessions-unset',
    severity: 'advice',
    scope: 'server',
    expects: 'an instance has `max_sessions` where its endpoints could bring more than the server takes',
    why: 'A full server refuses clients in its own words, and reserves no connection for Aurelay; with `max_sessions` the next member is chosen, or the client told properly.',
    remedy: '`max_sessions` on each instance, a little below `max_connections`',
    look: (subject) => {
      const [most, places] = [limitOf(subject), placesOf(subject)];
      if (most !== null || places === null) return notApplicable;
      const sessions = mostSessions(subject.of);
      if (sessions + ownConnections <= places) return passed;
      return found(
        `its endpoints may bring ${sessions} sessions, and the server has ${places} connections for clients`,
        limit(subject, places),
      );
    },
  },
];
