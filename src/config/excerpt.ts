import type { Excerpt } from './diagnostic.ts';
import type { Place } from './finding.ts';

const mask = '***';
const widest = 120;
/** Line breaks of other systems, terminal escapes, and marks that change the direction of writing. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** Text from the file, fit for a terminal. */
export const printable = (text: string): string => text.replace(/\t/g, ' ').replace(unprintable, '\ufffd');

/** The line in the span `from` .. `to` of `text` around `place`, with everything in `masks` hidden. */
export function excerptOf(
  text: string,
  span: { readonly from: number; readonly to: number },
  place: Place,
  masks: readonly Place[],
): Excerpt {
  let shown = '';
  let start: number | null = null;
  let end: number | null = null;
  let offset = span.from;
  const hidden = within(span, masks);
  while (offset < span.to) {
    const cover = hidden.find((one) => one.start <= offset && offset < one.end);
    const until = cover === undefined ? offset + 1 : Math.min(cover.end, span.to);
    if (start === null && place.start < until) start = shown.length;
    shown += cover === undefined ? text.charAt(offset) : mask;
    if (place.end <= until) end ??= shown.length;
    offset = until;
  }
  const line = shown.trimEnd();
  const first = Math.min(start ?? line.length, line.length);
  const length = Math.max(1, Math.min(end ?? line.length, line.length) - first);
  return clip(printable(line), first, length);
}

const within = (
  line: { readonly from: number; readonly to: number },
  masks: readonly Place[],
): readonly Place[] => masks.filter((one) => one.start < line.to && one.end > line.from);

/** Cuts a long line around what is underlined. */
function clip(text: string, start: number, length: number): Excerpt {
  if (text.length <= widest) return { text, start, length };
  const from = Math.min(Math.max(0, start - widest / 2), text.length - widest);
  const before = from > 0 ? '…' : '';
  const after = from + widest < text.length ? '…' : '';
  const at = start - from + before.length;
  return {
    text: `${before}${text.slice(from, from + widest)}${after}`,
    start: at,
    length: Math.max(1, Math.min(length, widest + before.length - at)),
  };
}
