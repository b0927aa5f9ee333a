import { act } from '../fix.ts';
import { found, notApplicable, passed, type ServerRule } from '../rule.ts';
import { isReplica, mayBePromoted, type ServerSubject, writerOf } from '../subject.ts';

/** What applications notice when another server becomes the writer. */
const noticed = {
  postgres: ['max_connections', 'TimeZone', 'shared_preload_libraries', 'autovacuum'],
  mysql: [
    'max_connections',
    'max_allowed_packet',
    'sql_mode',
    'character_set_server',
    'collation_server',
    'time_zone',
  ],
} as const;

function textOf({ facts }: ServerSubject, name: string): string | null {
  const value = facts.engine === 'mysql' ? facts.variables.get(name) : facts.settings.get(name)?.value;
  return value ?? null;
}

export const differenceRules: readonly ServerRule[] = [
  {
    id: 'settings-differ',
    severity: 'advice',
    scope: 'server',
    expects: 'a replica that could be promoted has the settings of the writer that applications notice',
    why: 'After a failover applications meet other limits and other behaviour.',
    remedy: 'the same values on every server',
    look: (subject) => {
      const writer = writerOf(subject.of);
      if (writer === null || !isReplica(subject) || !mayBePromoted(subject)) return notApplicable;
      const different = noticed[subject.facts.engine].flatMap((name) => {
        const [mine, its] = [textOf(subject, name), textOf(writer, name)];
        return mine !== its && mine !== null && its !== null
          ? [`${name} is ${mine || 'empty'}, and ${its || 'empty'} on ${writer.instance.id}`]
          : [];
      });
      if (different.length === 0) return passed;
      return found(
        different.join('; '),
        act(`give ${subject.instance.id} the values of ${writer.instance.id}`),
      );
    },
  },
];
