import { diagnosticJson, formatDiagnostic } from './diagnostic.ts';
import type { LoadResult } from './load.ts';

export interface ReportOptions {
  readonly color?: boolean;
  /** For programs: one JSON document instead of text. */
  readonly json?: boolean;
}

/** What `aurelay check` prints, final line break included. */
export function checkReport(result: LoadResult, options: ReportOptions = {}): string {
  const diagnostics = result.ok ? result.warnings : result.diagnostics;
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = diagnostics.length - errors;
  if (options.json) {
    return JSON.stringify(
      { ok: result.ok, errors, warnings, diagnostics: diagnostics.map(diagnosticJson) },
      null,
      2,
    );
  }
  const shown = diagnostics.map((diagnostic) => formatDiagnostic(diagnostic, options));
  return `${[...shown, summary(result, errors, warnings)].join('\n\n')}\n`;
}

function summary(result: LoadResult, errors: number, warnings: number): string {
  const also = warnings === 0 ? '' : `, ${count(warnings, 'warning')}`;
  if (!result.ok) return `The configuration cannot be used: ${count(errors, 'error')}${also}.`;
  const clusters = [...result.config.clusters.values()];
  const instances = clusters.reduce((sum, cluster) => sum + cluster.instances.size, 0);
  const endpoints = clusters.reduce((sum, cluster) => sum + cluster.endpoints.size, 0);
  const parts = [
    count(clusters.length, 'cluster'),
    count(instances, 'instance'),
    count(endpoints, 'endpoint'),
  ];
  return `The configuration is good: ${parts.join(', ')}${also}.`;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
