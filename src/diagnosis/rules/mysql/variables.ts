import { editOptionFile, restart, type Step, sql } from '../../fix.ts';
import { found, notApplicable, passed, type Verdict } from '../../rule.ts';
import type { MysqlSubject } from '../../subject.ts';

/** The first of these names that this server knows: newer ones have new names for the same. */
export function nameOf({ facts }: MysqlSubject, ...names: readonly string[]): string | null {
  return names.find((name) => facts.variables.has(name)) ?? null;
}

export function textOf(subject: MysqlSubject, ...names: readonly string[]): string | null {
  const name = nameOf(subject, ...names);
  return name === null ? null : (subject.facts.variables.get(name) ?? null);
}

export function numberOf(subject: MysqlSubject, ...names: readonly string[]): number | null {
  const value = textOf(subject, ...names);
  return value === null || !Number.isFinite(Number(value)) ? null : Number(value);
}

export const isOn = (value: string | null): boolean => value !== null && !['OFF', '0', ''].includes(value);

/** For the option file, and for the running server where it takes the variable. */
export function setting(
  subject: MysqlSubject,
  name: string,
  value: string,
  how: 'now' | 'restart',
): readonly Step[] {
  const { id } = subject.instance;
  const inFile = editOptionFile(id, `${name} = ${value}`);
  return how === 'restart' ? [inFile, restart(id)] : [sql(id, `SET GLOBAL ${name} = ${value};`), inFile];
}

/** The variable has this value, or is set to it. */
export function expectVariable(
  subject: MysqlSubject,
  names: readonly string[],
  isGood: (value: string) => boolean,
  value: string,
  how: 'now' | 'restart',
): Verdict {
  const name = nameOf(subject, ...names);
  if (name === null) return notApplicable;
  const is = subject.facts.variables.get(name) ?? '';
  if (isGood(is)) return passed;
  return found(`${name} is ${is === '' ? 'empty' : is}`, ...setting(subject, name, value, how));
}

export const isMysql = ({ facts }: MysqlSubject): boolean => facts.flavor === 'mysql';

/** MySQL shows where values come from to those who may read its performance_schema. */
export function originsUnread({ facts }: MysqlSubject, words: string): string {
  return `where its values come from is not shown to ${facts.rights.account} (${words}); to have it checked: GRANT SELECT ON performance_schema.* TO ${facts.rights.account};`;
}
