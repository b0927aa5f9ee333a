import { buildConfig } from './build.ts';
import { runChecks } from './checks/run.ts';
import type { Config } from './config.ts';
import type { Diagnostic } from './diagnostic.ts';
import { excerptOf, printable } from './excerpt.ts';
import { explainIssues } from './explain.ts';
import { type Finding, formatPath, type Place } from './finding.ts';
import { inspect } from './inspection.ts';
import { Lines } from './lines.ts';
import { secretPlaces, secretPlacesInLine } from './masks.ts';
import { configSchema } from './schema.ts';
import { readSecrets } from './secrets.ts';
import { readSource, type Source } from './source.ts';
import { checkTlsFiles, type InspectTlsFiles } from './tls-files.ts';

export interface LoadInput {
  readonly text: string;
  /** The file's name, for the diagnostics only. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a `password_file`, resolving a relative path from the configuration's folder; throws where it cannot. */
  readonly readFile: (path: string) => string;
  /** The absolute path of a file that the configuration names; absent: paths stay as they are written. */
  readonly resolvePath?: (path: string) => string;
  /** Absent: nobody looks into certificate files before they are used. */
  readonly inspectTlsFiles?: InspectTlsFiles;
}

export type LoadResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Reads a configuration. Never throws: whatever is wrong is a diagnostic, all of them at once, in the order of the
 * file. Warnings come with both results.
 */
export function loadConfig(input: LoadInput): LoadResult {
  // A byte order mark is no part of the first line.
  const text = input.text.replace(/^\ufeff/, '');
  const lines = new Lines(text);
  const source = readSource(text, lines, input.env);
  const diagnose = (findings: readonly Finding[]) => diagnostics(findings, { ...input, text }, lines, source);
  if (!source.readable) return { ok: false, diagnostics: diagnose(source.findings) };

  const parsed = configSchema.safeParse(source.raw);
  const inspection = inspect(source, (offset) => lines.numberAt(offset));
  const read = readSecrets(inspection, input.readFile);
  const findings = [
    ...source.findings,
    ...(parsed.success ? [] : explainIssues(parsed.error.issues, source, inspection)),
    ...runChecks(inspection),
    ...read.findings,
    ...checkTlsFiles(inspection, input.inspectTlsFiles ?? (() => [])),
  ];
  if (!parsed.success || findings.some(({ severity }) => severity === 'error')) {
    return { ok: false, diagnostics: diagnose(findings) };
  }
  return {
    ok: true,
    config: buildConfig(parsed.data, read.secrets, input.resolvePath ?? asWritten),
    warnings: diagnose(findings),
  };
}

const asWritten = (path: string): string => path;

/** In the order of the file, each once: an alias can lead to the same place twice. */
function diagnostics(
  findings: readonly Finding[],
  { text, file }: LoadInput,
  lines: Lines,
  source: Source,
): readonly Diagnostic[] {
  const masks = secretPlaces(source);
  const seen = new Set<string>();
  const located = findings.map((finding) => ({ finding, place: placeOf(finding, source) }));
  located.sort((a, b) => a.place.start - b.place.start);
  return located.flatMap(({ finding, place }) => {
    const line = lines.spanAt(place.start);
    const hidden = source.readable ? masks : secretPlacesInLine(text, line);
    const shown = describe(finding, file, lines.numberAt(place.start), place.start - line.from + 1);
    const same = `${shown.line}:${shown.column}:${shown.message}`;
    if (seen.has(same)) return [];
    seen.add(same);
    return [{ ...shown, excerpt: excerptOf(text, line, place, hidden) }];
  });
}

function describe(finding: Finding, file: string, line: number, column: number): Omit<Diagnostic, 'excerpt'> {
  const { severity, code } = finding;
  const optional = (text: string | null | undefined): string | null => (text ? bounded(text) : null);
  return {
    severity,
    code,
    file,
    line,
    column,
    path: bounded(formatPath(finding.path)),
    message: bounded(finding.message),
    suggestion: optional(finding.suggestion),
    hint: optional(finding.hint),
  };
}

const longest = 400;

/** Names in the file can be anything and of any length. */
const bounded = (text: string): string =>
  printable(text.length > longest ? `${text.slice(0, longest)}…` : text);

/** A finding about an entry that the file does not have is shown at the nearest one around it. */
function placeOf(finding: Finding, source: Source): Place {
  if (typeof finding.on === 'object') return finding.on;
  for (let depth = finding.path.length; depth > 0; depth--) {
    const entry = source.at(finding.path.slice(0, depth));
    if (entry === null) continue;
    const here = depth === finding.path.length && finding.on === 'value' && entry.written !== null;
    return here ? entry.value : (entry.key ?? entry.value);
  }
  return { start: 0, end: 1 };
}
