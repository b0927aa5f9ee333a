import type { Summary } from './summary.ts';

const width = 880;
const plot = { left: 300, width: 500, top: 64, bar: 12, gap: 10 };
const colours = ['#3465a4', '#8f5902', '#75507b', '#4e9a06'];
/** Ratios beyond this are cut. */
const highest = 2;
const x = (ratio: number): number => plot.left + (Math.min(ratio, highest) / highest) * plot.width;

/** What each load carried, in proportion to HAProxy of the same round: medians, with lines from least to most. */
export function chart(summaries: readonly Summary[]): string {
  const shown = summaries.filter(
    ({ better, contestant, ratio, figure }) =>
      better === 'higher' &&
      ratio !== null &&
      contestant !== 'HAProxy' &&
      contestant !== 'direct' &&
      ['tps', 'rate'].includes(figure),
  );
  const contestants = [...new Set(shown.map(({ contestant }) => contestant))].sort();
  const loads = [...new Set(shown.map(({ load }) => load))];
  let top = plot.top;
  const rows = loads.map((load) => {
    const own = contestants.flatMap((name) => shown.filter((s) => s.load === load && s.contestant === name));
    const label = `<text x="10" y="${top + (own.length * plot.bar) / 2 + 4}">${escaped(load)}</text>`;
    const bars = own.map((summary, index) =>
      bar(summary, top + index * plot.bar, colours[contestants.indexOf(summary.contestant)] ?? '#555'),
    );
    top += own.length * plot.bar + plot.gap;
    return [label, ...bars].join('');
  });
  const ticks = [0, 0.5, 1, 1.5, 2].map(
    (ratio) =>
      `<line x1="${x(ratio)}" x2="${x(ratio)}" y1="${plot.top - 6}" y2="${top}" stroke="${ratio === 1 ? '#000' : '#ddd'}"/>` +
      `<text x="${x(ratio)}" y="${top + 14}" text-anchor="middle">${ratio}</text>`,
  );
  const legend = contestants.map(
    (name, index) =>
      `<rect x="${10 + index * 140}" y="34" width="10" height="10" fill="${colours[index] ?? '#555'}"/>` +
      `<text x="${24 + index * 140}" y="43">${escaped(name)}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top + 24}" font-family="sans-serif" font-size="11">`,
    '<title>Throughput in proportion to HAProxy</title>',
    `<rect width="${width}" height="${top + 24}" fill="#fff"/>`,
    '<text x="10" y="20" font-size="13">Throughput in proportion to HAProxy of the same round (HAProxy = 1)</text>',
    ...legend,
    ...ticks,
    ...rows,
    '</svg>\n',
  ].join('\n');
}

function bar({ ratio }: Summary, top: number, colour: string): string {
  if (ratio === null) return '';
  const middle = top + plot.bar / 2;
  return (
    `<rect x="${plot.left}" y="${top}" width="${(x(ratio.median) - plot.left).toFixed(1)}" height="${plot.bar - 2}" fill="${colour}"/>` +
    `<line x1="${x(ratio.least).toFixed(1)}" x2="${x(ratio.most).toFixed(1)}" y1="${middle - 1}" y2="${middle - 1}" stroke="#000"/>` +
    `<text x="${plot.left + plot.width + 12}" y="${top + plot.bar - 3}">${ratio.median.toFixed(2)}</text>`
  );
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
