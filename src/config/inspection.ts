import type { SettingsDraft } from './draft.ts';
import { draftOf } from './draft.ts';
import { outlineAt, type Path } from './outline.ts';
import type { Source } from './source.ts';
import { suggest } from './suggest.ts';

/** What the checks look at: the settings as far as they can be read, and how to speak of them safely. */
export interface Inspection {
  readonly settings: SettingsDraft;
  /** Whether the file itself says something at `path` (a default does not count). */
  has(path: Path): boolean;
  /** The text at `path` as it is written, never what the environment made of it; null where it must not be shown. */
  written(path: Path): string | null;
  /** The candidate that the text at `path` was meant to be, where the text may be shown. */
  suggest(path: Path, candidates: Iterable<string>): string | null;
  /** ` (line 12)`, or nothing where the file does not have it. */
  lineOf(path: Path): string;
}

const longestShown = 60;

export function inspect(source: Source, lineAt: (offset: number) => number): Inspection {
  const written = (path: Path): string | null => {
    const text = source.at(path)?.written ?? null;
    const node = outlineAt(path);
    const showable = text !== null && node?.kind === 'value' && !node.value.secret;
    return showable && text.length <= longestShown && !/\p{C}/u.test(text) ? text : null;
  };
  return {
    settings: draftOf(source.raw),
    has: (path) => source.at(path) !== null,
    written,
    suggest(path, candidates) {
      const text = source.at(path)?.substituted ? null : written(path);
      return text === null ? null : suggest(text, candidates);
    },
    lineOf(path) {
      const entry = source.at(path);
      return entry === null ? '' : ` (line ${lineAt((entry.key ?? entry.value).start)})`;
    },
  };
}
