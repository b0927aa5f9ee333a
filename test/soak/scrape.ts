/** One line of Prometheus' text format: a name, labels, a number. */
const sample = /^(\w+)(?:\{([^}]*)\})? (\S+)$/;
const deadlineMs = 5_000;

/** What `/metrics` said at one moment. */
export interface Scrape {
  /** The sum of all series of `name` that have each of the `labels`; 0 where there is none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
}

export async function scrape(url: string): Promise<Scrape> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(deadlineMs) });
  return readScrape(await response.text());
}

export function readScrape(text: string): Scrape {
  const lines = text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = sample.exec(line) ?? [];
    return name === undefined ? [] : [{ name, labels: `,${labels},`, value: Number(value) }];
  });
  return {
    sum: (name, labels = {}) => {
      const wanted = Object.entries(labels).map(([label, value]) => `,${label}="${value}",`);
      return lines
        .filter((line) => line.name === name && wanted.every((pair) => line.labels.includes(pair)))
        .reduce((sum, { value }) => sum + value, 0);
    },
  };
}
