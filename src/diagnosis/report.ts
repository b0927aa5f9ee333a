import type { Diagnosis, Finding, NotChecked, Passed } from './diagnose.ts';
import type { Step } from './fix.ts';
import type { Severity } from './rule.ts';

export interface ReportOptions {
  readonly colours: boolean;
  /** What passed, and what could not be checked, line by line. */
  readonly verbose: boolean;
  readonly width: number;
  /** For the last line. */
  readonly asked: { readonly servers: number; readonly answered: number };
}

const styles: Readonly<Record<Severity | 'bold' | 'dim' | 'good', string>> = {
  error: '\u001b[1;31m',
  warning: '\u001b[1;33m',
  advice: '\u001b[1;34m',
  bold: '\u001b[1m',
  dim: '\u001b[2m',
  good: '\u001b[32m',
};

/** What `aurelay doctor` prints. Findings that are the same of several instances are told once. */
export function reportText(diagnosis: Diagnosis, options: ReportOptions): string {
  const paint = painter(options.colours);
  const shown = grouped(diagnosis.findings).map((group) => findingText(group, options.width, paint));
  const more = options.verbose ? [passedText(diagnosis.passed), notCheckedText(diagnosis.notChecked)] : [];
  const parts = [...shown, ...more, summary(diagnosis, options, paint)];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

type Paint = (style: keyof typeof styles, text: string) => string;

const painter =
  (colours: boolean): Paint =>
  (style, text) =>
    colours ? `${styles[style]}${text}\u001b[0m` : text;

interface Group {
  readonly finding: Finding;
  readonly instances: readonly string[];
  /** Of all of them, each once. */
  readonly fix: readonly Step[];
}

/** The same finding of several instances of a cluster is one, whose steps are those of each. */
function grouped(findings: readonly Finding[]): readonly Group[] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.cluster, finding.rule, finding.found]);
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  return [...groups.values()].flatMap((alike): readonly Group[] => {
    const [finding] = alike;
    if (finding === undefined) return [];
    return [{ finding, instances: alike.flatMap(({ instance }) => instance ?? []), fix: stepsOf(alike) }];
  });
}

/** Where all have to do the same each on itself, it is told once; else what each has to do, one after the other. */
function stepsOf(alike: readonly Finding[]): readonly Step[] {
  const [first] = alike;
  if (first === undefined) return [];
  const forms = new Set(
    alike.map((finding) => JSON.stringify(finding.fix.map((step) => formOf(step, finding)))),
  );
  if (forms.size === 1) return first.fix;
  const all = new Map(alike.flatMap(({ fix }) => fix).map((step) => [JSON.stringify(step), step]));
  return joinedEdits([...all.values()]);
}

const formOf = (step: Step, { instance }: Finding): unknown =>
  'on' in step && step.on === instance ? { ...step, on: 'itself' } : step;

/** Lines for one file are told together. */
function joinedEdits(steps: readonly Step[]): readonly Step[] {
  const joined: Step[] = [];
  for (const step of steps) {
    const at = joined.findIndex(
      (one) => one.do === 'edit' && step.do === 'edit' && one.on === step.on && one.under === step.under,
    );
    const known = joined[at];
    if (known?.do === 'edit' && step.do === 'edit') {
      joined[at] = { ...known, lines: [...known.lines, ...step.lines] };
    } else joined.push(step);
  }
  return joined;
}

const indent = '  ';

function findingText({ finding, instances, fix }: Group, width: number, paint: Paint): string {
  const { severity, rule, cluster, found, why } = finding;
  const place =
    cluster === null ? 'this machine' : [cluster, instances.join(', ')].filter(Boolean).join(': ');
  const head = `${paint(severity, severity)} ${paint('bold', place)} ${paint('dim', `[${rule}]`)}`;
  const steps = fix.flatMap((step) => stepLines(step, instances, width));
  return [
    head,
    ...wrapped(found, width).map((line) => indent + line),
    ...wrapped(why, width).map((line) => indent + paint('dim', line)),
    ...steps.map((line, at) => `${indent}${at === 0 ? paint('good', 'Fix:') : '    '} ${line}`),
  ].join('\n');
}

function stepLines(step: Step, instances: readonly string[], width: number): readonly string[] {
  const where = (on: string): string =>
    instances.length > 1 && instances.includes(on) ? `each (${instances.join(', ')})` : on;
  const code = (lines: readonly string[]): readonly string[] => lines.map((line) => `    ${line}`);
  switch (step.do) {
    case 'sql':
      return [`on ${where(step.on)}, as an administrator:`, ...code(step.lines)];
    case 'edit': {
      const file = step.on === null ? step.file : `${step.file} of ${where(step.on)}`;
      return [`in ${file}${step.under === null ? '' : `, under ${step.under}`}:`, ...code(step.lines)];
    }
    case 'restart':
      return [`restart ${where(step.on)}`];
    case 'act':
      return wrapped(step.text, width - 5);
  }
}

/** A word that is longer than a line has one of its own: what is to be typed is not cut. */
function wrapped(text: string, width: number): readonly string[] {
  const most = Math.max(40, width - indent.length);
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > most) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function passedText(passed: readonly Passed[]): string {
  const lines = new Map<string, { expects: string; where: string[] }>();
  for (const { rule, expects, instance, cluster } of passed) {
    const known = lines.get(rule) ?? { expects, where: [] };
    known.where.push(instance ?? cluster ?? 'this machine');
    lines.set(rule, known);
  }
  if (lines.size === 0) return '';
  const each = [...lines].map(
    ([rule, { expects, where }]) => `${indent}${expects} [${rule}]: ${[...new Set(where)].join(', ')}`,
  );
  return ['passed', ...each].join('\n');
}

function notCheckedText(notChecked: readonly NotChecked[]): string {
  const lines = new Map<string, string[]>();
  for (const { rule, why, instance, cluster } of notChecked) {
    const key = `[${rule}] ${why}`;
    lines.set(key, [...(lines.get(key) ?? []), instance ?? cluster ?? 'this machine']);
  }
  if (lines.size === 0) return '';
  return ['not checked', ...[...lines].map(([text, where]) => `${indent}${where.join(', ')}: ${text}`)].join(
    '\n',
  );
}

function summary(
  { findings, passed, notChecked }: Diagnosis,
  { asked, verbose }: ReportOptions,
  paint: Paint,
): string {
  const of = (severity: Severity): number => findings.filter((one) => one.severity === severity).length;
  const parts = [
    of('error') === 0 ? '' : paint('error', count(of('error'), 'error')),
    of('warning') === 0 ? '' : paint('warning', count(of('warning'), 'warning')),
    of('advice') === 0 ? '' : paint('advice', `${of('advice')} advice`),
  ].filter((part) => part !== '');
  const well = paint('good', findings.length === 0 ? 'Nothing is wrong' : 'No error');
  const verdict = of('error') > 0 ? parts.join(', ') : [well, ...parts].join(', ');
  const listed = verbose ? '' : ' (--verbose lists them)';
  const left = notChecked.length === 0 ? '' : `, ${notChecked.length} not checked`;
  return `${verdict}. ${count(passed.length, 'check')} passed${left}${listed}; ${asked.answered} of ${count(asked.servers, 'server')} answered.`;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

/** For programs. */
export function reportJson(diagnosis: Diagnosis, asked: ReportOptions['asked']): string {
  const errors = diagnosis.findings.filter(({ severity }) => severity === 'error').length;
  return `${JSON.stringify({ ok: errors === 0, servers: asked, ...jsonOf(diagnosis) }, null, 2)}\n`;
}

const jsonOf = ({ findings, passed, notChecked }: Diagnosis) => ({
  findings,
  passed,
  not_checked: notChecked,
});
