/** A command line of Aurelay that a page shows. */
export interface AurelayLine {
  /** `README.md:12`. */
  readonly where: string;
  /** As the page has it. */
  readonly text: string;
  /** What follows `aurelay`. */
  readonly words: readonly string[];
  /** To be typed as it stands; otherwise it has placeholders in it. */
  readonly isLiteral: boolean;
}

/** How pages start Aurelay, longest first; `demo` is a script of its own. */
const beginnings: readonly (readonly [words: readonly string[], instead: readonly string[]])[] = [
  [['npm', 'run', '-s', 'aurelay', '--'], []],
  [['npm', 'run', 'aurelay', '--'], []],
  [['npm', 'run', 'demo', '--'], ['demo']],
  [['npm', 'run', 'demo'], ['demo']],
  [['node', 'dist/cli.js'], []],
  [['aurelay'], []],
];

/** Every line of a page that calls Aurelay: in ```sh blocks, and in `code` of its prose and tables. */
export function aurelayLines(
  page: string,
  markdown: string,
  commands: readonly string[],
): readonly AurelayLine[] {
  const found: AurelayLine[] = [];
  let language: string | null = null;
  let joined = '';
  /** The line that ends a here-document. */
  let hereEnd: string | null = null;
  for (const [index, line] of markdown.split('\n').entries()) {
    const where = `${page}:${index + 1}`;
    const fence = /^\s*```+\s*([\w-]*)/.exec(line);
    if (fence !== null) language = language === null ? (fence[1] ?? '') : null;
    else if (language === null) found.push(...inProse(where, line));
    else if (hereEnd !== null) hereEnd = line.trim() === hereEnd ? null : hereEnd;
    else if (language === 'sh' && line.endsWith('\\')) joined += line.slice(0, -1);
    else if (language === 'sh') {
      found.push(...inShell(where, joined + line, commands));
      joined = '';
      hereEnd = /<<-?\s*['"]?(\w+)/.exec(line)?.[1] ?? null;
    }
  }
  return found;
}

const inProse = (where: string, line: string): readonly AurelayLine[] =>
  [...line.matchAll(/`(aurelay [a-z-][^`]*)`/g)].map(([, text = '']) => ({
    where,
    text,
    words: text
      .replaceAll(/[[\]…]|\\\|/g, ' ')
      .split(' ')
      .filter((word) => word !== '')
      .slice(1),
    isLiteral: false,
  }));

function inShell(where: string, line: string, commands: readonly string[]): readonly AurelayLine[] {
  return simpleCommands(line).flatMap((words) => {
    for (const [beginning, instead] of beginnings) {
      const at = words.findIndex((_, index) =>
        beginning.every((word, offset) => words[index + offset] === word),
      );
      const rest = words.slice(at + beginning.length);
      if (at === -1) continue;
      // `journalctl -u aurelay -o cat` and `docker run … aurelay aurelay check` have the name for other reasons.
      const leads = words
        .slice(0, at)
        .every((word) => /^(\w+=.*|sudo|exec|do|then|if|time|nohup|!|\$\(.*)$/.test(word));
      if (!leads && !commands.includes(rest[0] ?? '')) {
        const later = inShell(where, rest.join(' '), commands);
        return later;
      }
      return [{ where, text: words.join(' '), words: [...instead, ...rest], isLiteral: true }];
    }
    return [];
  });
}

/** The words of each command in a line of shell; redirections and comments are left out. */
function simpleCommands(line: string): readonly (readonly string[])[] {
  const token =
    /\s+|#.*$|(\d?>>?&?\s*\S+|<+\s*\S+)|(&&|\|\||[;|&()])|((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s;|&()<>"'\\])+)/gy;
  const commands: string[][] = [[]];
  for (const [, , operator, word] of line.matchAll(token)) {
    if (operator !== undefined) commands.push([]);
    else if (word !== undefined) commands.at(-1)?.push(word.replaceAll(/^["']|["']$/g, ''));
  }
  return commands.filter((words) => words.length > 0);
}
