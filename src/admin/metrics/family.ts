export type Labels = Readonly<Record<string, string>>;

/** What prom-client's counters and histograms have in common. */
interface LabelledMetric<Child> {
  labels(labels: Record<string, string>): Child;
  remove(labels: Record<string, string>): void;
}

/**
 * The children of one labelled metric, each made once: a session that begins or ends costs a map look-up here
 * instead of a labels object that prom-client checks and sorts. Knows its children, so that those of instances and
 * endpoints that went away can be taken out.
 */
export class MetricFamily<Child> {
  readonly #metric: LabelledMetric<Child>;
  readonly #labelNames: readonly string[];
  readonly #children = new Map<string, { readonly labels: Labels; readonly child: Child }>();

  constructor(metric: LabelledMetric<Child>, labelNames: readonly string[]) {
    this.#metric = metric;
    this.#labelNames = labelNames;
  }

  /** The child for these label values, in the order of the label names. */
  at(...values: string[]): Child {
    const key = values.join('\0');
    const known = this.#children.get(key);
    if (known !== undefined) return known.child;
    const labels = Object.fromEntries(this.#labelNames.map((name, at) => [name, values[at] ?? '']));
    const child = this.#metric.labels(labels);
    this.#children.set(key, { labels, child });
    return child;
  }

  /** Takes out every child whose labels `isAlive` refuses. */
  retain(isAlive: (labels: Labels) => boolean): void {
    for (const [key, { labels }] of this.#children) {
      if (isAlive(labels)) continue;
      this.#children.delete(key);
      this.#metric.remove(labels);
    }
  }
}
