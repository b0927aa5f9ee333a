/** The groups of a rules file of Prometheus as the `spec` of a PrometheusRule, comments and all. */
export function renderPrometheusSpec(rules: string): string {
  const groups = rules.slice(rules.search(/^groups:$/m)).trimEnd();
  return `spec:\n${groups.replace(/^(?=.)/gm, '  ')}`;
}
