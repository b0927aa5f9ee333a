import { act, restart, type Step, sql } from '../../fix.ts';
import { found, notApplicable, passed, type Verdict } from '../../rule.ts';
import type { PostgresSubject } from '../../subject.ts';

/** As `pg_settings` has it; null where this version has no such setting, or shows it to nobody. */
export const textOf = ({ facts }: PostgresSubject, name: string): string | null =>
  facts.settings.get(name)?.value ?? null;

/** In the setting's own unit. */
export function numberOf(subject: PostgresSubject, name: string): number | null {
  const value = textOf(subject, name);
  return value === null || !Number.isFinite(Number(value)) ? null : Number(value);
}

const msOf: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, min: 60_000, h: 3_600_000 };

/** A time setting in milliseconds. */
export function millisecondsOf(subject: PostgresSubject, name: string): number | null {
  const number = numberOf(subject, name);
  const unit = subject.facts.settings.get(name)?.unit ?? 'ms';
  return number === null ? null : number * (msOf[unit] ?? 1);
}

/** A change of a setting on one server, whatever it takes there to be in force. `text` is SQL: quote what is no number. */
export function setting(subject: PostgresSubject, name: string, text: string): readonly Step[] {
  const { id } = subject.instance;
  const known = subject.facts.settings.get(name);
  if (known?.source === 'command line') {
    return [
      act(`take ${name} out of the command line that starts ${id} (ALTER SYSTEM cannot overrule it)`),
      sql(id, `ALTER SYSTEM SET ${name} = ${text};`),
      restart(id),
    ];
  }
  if (known?.context === 'postmaster') return [sql(id, `ALTER SYSTEM SET ${name} = ${text};`), restart(id)];
  return [sql(id, `ALTER SYSTEM SET ${name} = ${text};`, 'SELECT pg_reload_conf();')];
}

/** The setting has this value, or is set to it. */
export function expectSetting(
  subject: PostgresSubject,
  name: string,
  isGood: (value: string) => boolean,
  text: string,
): Verdict {
  const value = textOf(subject, name);
  if (value === null) return notApplicable;
  if (isGood(value)) return passed;
  return found(`${name} is ${value === '' ? 'empty' : value}`, ...setting(subject, name, text));
}

/** A role's or database's name as SQL writes it. */
export const identifier = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
