import { act, sql } from '../../fix.ts';
import { found, notApplicable, notChecked, type PostgresRule, passed } from '../../rule.ts';
import { type PostgresSubject, writerOf } from '../../subject.ts';
import { expectSetting, identifier, textOf } from './settings.ts';

/** That a commit that a client was told of is kept. */

const waitsForNobody = (value: string): boolean => value === 'off' || value === 'local';
const hasQuorum = ({ of }: PostgresSubject): boolean => of.cluster.durability !== null;

export const postgresDurabilityRules: readonly PostgresRule[] = [
  {
    id: 'pg-fsync',
    severity: 'error',
    scope: 'postgres',
    expects: '`fsync` is on',
    why: 'A power cut or a crash of the machine loses commits, and may leave the data unreadable.',
    remedy: '`fsync = on`, and a reload',
    look: (subject) => expectSetting(subject, 'fsync', (value) => value === 'on', 'on'),
  },
  {
    id: 'pg-full-page-writes',
    severity: 'warning',
    scope: 'postgres',
    expects: '`full_page_writes` is on',
    why: 'After a crash of the machine half-written pages stay broken, unless the file system never leaves any (ZFS, btrfs); and pg_rewind refuses to run.',
    remedy: '`full_page_writes = on`, and a reload',
    look: (subject) => expectSetting(subject, 'full_page_writes', (value) => value === 'on', 'on'),
  },
  {
    id: 'pg-quorum-without-wait',
    severity: 'error',
    scope: 'postgres',
    expects: 'with a write quorum, `synchronous_commit` is `on` or `remote_apply`',
    why: 'No commit waits for a replica: Aurelay refuses to call that a quorum, and promotes nobody into it.',
    remedy: '`synchronous_commit = on`, and a reload',
    look: (subject) =>
      hasQuorum(subject)
        ? expectSetting(subject, 'synchronous_commit', (value) => !waitsForNobody(value), 'on')
        : notApplicable,
  },
  {
    id: 'pg-quorum-remote-write',
    severity: 'warning',
    scope: 'postgres',
    expects: 'with a write quorum, a commit is on the disks of the replicas',
    why: '`remote_write` keeps what a server process loses, and not what its machine loses.',
    remedy: '`synchronous_commit = on`, and a reload',
    look: (subject) =>
      hasQuorum(subject)
        ? expectSetting(subject, 'synchronous_commit', (value) => value !== 'remote_write', 'on')
        : notApplicable,
  },
  {
    id: 'pg-commits-unwritten',
    severity: 'warning',
    scope: 'postgres',
    expects: 'without a write quorum, commits are on the disk of the writer before clients are told',
    why: 'With `synchronous_commit` off, a crash of the writer loses what clients were told of in its last moments.',
    remedy: '`synchronous_commit = on`, and a reload',
    look: (subject) =>
      hasQuorum(subject)
        ? notApplicable
        : expectSetting(subject, 'synchronous_commit', (value) => value !== 'off', 'on'),
  },
  {
    id: 'pg-quorum-left-out',
    severity: 'warning',
    scope: 'postgres',
    expects: 'with a write quorum, no role and no database sets `synchronous_commit` to `off` or `local`',
    why: 'Their commits are in no quorum: clients are told of them, and a failover may lose them.',
    remedy: '`ALTER ROLE … RESET synchronous_commit`',
    look: (subject) => {
      if (!hasQuorum(subject) || writerOf(subject.of)?.instance.id !== subject.instance.id)
        return notApplicable;
      const { unread, overrides } = subject.facts;
      if (unread.has('overrides')) return notChecked(unread.get('overrides') ?? '');
      const out = overrides.filter(
        (one) => one.setting === 'synchronous_commit' && waitsForNobody(one.value),
      );
      if (out.length === 0) return passed;
      const whose = out.map(({ role, database }) =>
        [role ?? 'every role', database].filter(Boolean).join(' in '),
      );
      const { id } = subject.instance;
      return found(
        `synchronous_commit is off or local for ${whose.join(', ')}`,
        sql(id, ...out.map(({ role, database }) => resetOf(role, database))),
      );
    },
  },
  {
    id: 'pg-waits-for-absent',
    severity: 'error',
    scope: 'postgres',
    expects: 'with `durability: async`, the writer waits for no more replicas than are there',
    why: 'Every commit hangs until a replica of that name comes; Aurelay leaves the setting alone with `durability: async`.',
    remedy:
      '`ALTER SYSTEM RESET synchronous_standby_names`, or `durability: { copies, write_quorum }`, under which Aurelay sees to it',
    look: (subject) => {
      const { observation } = subject.facts;
      const names = textOf(subject, 'synchronous_standby_names') ?? '';
      if (hasQuorum(subject) || observation.role !== 'writer' || names === '') return notApplicable;
      const waits = observation.acknowledgement;
      if (waits === null)
        return notChecked(`synchronous_standby_names is ${names}, and who replicates is not shown`);
      if (waits.connected >= waits.count) return passed;
      return found(
        `synchronous_standby_names is ${names}: a commit waits for ${waits.count}, and ${waits.connected} of those named are connected`,
        sql(subject.instance.id, 'ALTER SYSTEM RESET synchronous_standby_names;', 'SELECT pg_reload_conf();'),
      );
    },
  },
  {
    id: 'pg-waits-by-itself',
    severity: 'advice',
    scope: 'postgres',
    expects: 'synchronous replication is left to `durability`',
    why: 'Aurelay does not see to `synchronous_standby_names` with `durability: async`: after a failover another server waits for others, or for nobody.',
    remedy: '`durability: { copies: N, write_quorum: W }`',
    look: (subject) => {
      const names = textOf(subject, 'synchronous_standby_names') ?? '';
      if (hasQuorum(subject) || subject.of.cluster.failover.mode === 'observe') return notApplicable;
      if (names === '') return passed;
      const copies = subject.of.instances.length;
      const quorum = Math.floor(copies / 2) + 1;
      return found(
        `synchronous_standby_names is ${names}`,
        act(
          `if commits shall survive a failover, configure \`durability: { copies: ${copies}, write_quorum: ${Math.max(2, quorum)} }\`, else ALTER SYSTEM RESET synchronous_standby_names`,
        ),
      );
    },
  },
  {
    id: 'pg-archive-differs',
    severity: 'warning',
    scope: 'postgres',
    expects: 'a replica would archive as the writer does',
    why: 'After a failover to it the archive, and every backup that needs it, ends.',
    remedy: 'the same `archive_mode` and `archive_command` on every server',
    look: (subject) => {
      const writer = writerOf(subject.of);
      if (
        writer === null ||
        writer.facts.engine !== 'postgres' ||
        writer.instance.id === subject.instance.id
      ) {
        return notApplicable;
      }
      const archives = (facts: typeof writer.facts, name: string) => facts.settings.get(name)?.value ?? '';
      const isOff = (facts: typeof writer.facts) =>
        archives(facts, 'archive_mode') === 'off' ||
        (['', '(disabled)'].includes(archives(facts, 'archive_command')) &&
          archives(facts, 'archive_library') === '');
      if (isOff(writer.facts)) return notApplicable;
      if (!isOff(subject.facts)) return passed;
      return found(
        `${writer.instance.id} archives its log, and this server would not`,
        act(
          `set archive_mode = ${archives(writer.facts, 'archive_mode')} and the archive_command of ${writer.instance.id} on ${subject.instance.id}, and restart it`,
        ),
      );
    },
  },
];

function resetOf(role: string | null, database: string | null): string {
  if (role === null) return `ALTER DATABASE ${identifier(database ?? '')} RESET synchronous_commit;`;
  const where = database === null ? '' : ` IN DATABASE ${identifier(database)}`;
  return `ALTER ROLE ${identifier(role)}${where} RESET synchronous_commit;`;
}
