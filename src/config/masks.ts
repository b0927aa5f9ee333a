import type { Place } from './finding.ts';
import { configOutline, type Outline, outlineAt, type Path } from './outline.ts';
import type { Entry, Source } from './source.ts';

/** Names that people give to secrets, misspelt ones included. */
const secretName = /pas+w|passphrase|pwd|secret|token|credential/i;
const onlyReferences = /^(\$\{[A-Za-z_][A-Za-z0-9_]*\})+$/;

/** Everything in the file that may be a secret: under a key for one, or under an unknown key that may be meant as one. */
export function secretPlaces(source: Source): readonly Place[] {
  const unread = source.discarded.filter(({ path, scalar }) => !scalar || mayBeSecret(path));
  const places = unread.map(({ place }) => place);
  for (const [path, entry] of source.entries()) {
    if (entry.written === null || isReference(entry)) continue;
    if (mayBeSecret(path) || pemBegins.test(entry.written)) places.push(entry.value);
  }
  return places;
}

/** Keys are kept in files; somebody will paste one here all the same. */
const pemBegins = /-----BEGIN /;

/** A reference without a default says where a secret is, not what it is. */
const isReference = ({ written }: Entry): boolean => written !== null && onlyReferences.test(written);

function mayBeSecret(path: Path): boolean {
  let known: Outline = configOutline;
  for (let depth = 1; depth <= path.length; depth++) {
    const node = outlineAt(path.slice(0, depth));
    if (node === null) {
      const names = path.slice(depth - 1);
      return holdsSecrets(known) || names.some((name) => secretName.test(String(name)));
    }
    known = node;
  }
  return known.kind === 'value' && known.value.secret;
}

const holdsSecrets = (node: Outline): boolean =>
  node.kind === 'value'
    ? node.value.secret
    : node.kind === 'section' &&
      [...node.keys.values()].some(({ node: of }) => of.kind === 'value' && of.value.secret);

const secretEntry =
  /(?:pas+w(?!ord_file)|passphrase|pwd|secret|token(?!_file)|credential)[\w-]*["']?\s*[:=]\s*/i;

/** The value is on the lines below: nothing follows, or the header of a block, or a quote that is not closed. */
const openSecret = new RegExp(`${secretEntry.source}([|>][-+\\d]*|"[^"]*|'[^']*)?\\s*$`, 'i');
const beginsWithSecret = new RegExp(`^[\\s"'{]*[\\w-]*${secretEntry.source}`, 'i');

/**
 * The same for a line of a file that could not be read: whatever follows the name of a secret on the line, and the
 * whole line where it continues such an entry.
 */
export function secretPlacesInLine(
  text: string,
  line: { readonly from: number; readonly to: number },
): readonly Place[] {
  const before = text.slice(0, line.from);
  if (isInPem(before) || continuesSecret(before, text.slice(line.from, line.to))) {
    return [{ start: line.from, end: line.to }];
  }
  const match =
    secretEntry.exec(text.slice(line.from, line.to)) ?? pemBegins.exec(text.slice(line.from, line.to));
  return match === null ? [] : [{ start: line.from + match.index + match[0].length, end: line.to }];
}

const isInPem = (before: string): boolean =>
  before.lastIndexOf('-----BEGIN ') > before.lastIndexOf('-----END ');

function continuesSecret(before: string, line: string): boolean {
  let indent = indentOf(line);
  let nearest = true;
  for (const earlier of before.split('\n').reverse()) {
    if (earlier.trim() === '') continue;
    const outer = indentOf(earlier) < indent;
    if (openSecret.test(earlier) && (outer || nearest)) return true;
    if (outer && beginsWithSecret.test(earlier)) return true;
    if (outer) indent = indentOf(earlier);
    nearest = false;
  }
  return false;
}

const indentOf = (line: string): number => line.length - line.trimStart().length;
