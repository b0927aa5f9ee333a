import {
  type Expectation,
  type Guide,
  type GuideSystem,
  guideSystems,
  type RunStep,
  type Step,
} from './guide.ts';

/** The one that is meant where none is named. */
export const mainTerminal = 'main';
const defaultDeadlineMs = 60_000;

/** What stands before a block and is about it. */
const blockMarks = [
  'file',
  'terminal',
  'runs until',
  'within',
  'deadline',
  'exits with',
  'not run here',
] as const;
type BlockMark = (typeof blockMarks)[number];
/** Comments that other programs read. */
const foreign = /^(generated|end of)\b/;
/** Blocks of these languages look like something to type, and would not be run. */
const commandLanguages = ['bash', 'shell', 'console', 'zsh', 'terminal'];

interface Block {
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

/**
 * Reads a page. The marks are HTML comments in a line of their own, which no reader sees:
 *
 * - about the page: `system: debian-sid`, `begins at: GUIDE#PLACE`;
 * - before a block: `file: PATH`, `terminal: NAME`, `runs until: TEXT`, `within: 30s`, `deadline: 300s`, `exits with: 3`,
 *   `not run here: REASON`;
 * - after a block: `expect: TEXT` or `expect: /PATTERN/`, any number;
 * - between blocks: `place: NAME`, `interrupt: TERMINAL`, `expect in TERMINAL: TEXT`, `prepare: COMMANDS`.
 */
export function readGuide(name: string, markdown: string): Guide {
  return new GuideReader(name, markdown.split('\n')).read();
}

class GuideReader {
  readonly #name: string;
  readonly #lines: readonly string[];
  readonly #steps: Step[] = [];
  readonly #problems: string[] = [];
  #system: GuideSystem = 'debian-12';
  #beginsAt: Guide['beginsAt'] = null;
  /** Marks that wait for their block. */
  #marks = new Map<BlockMark, { readonly value: string; readonly line: number }>();
  /** The block that an expectation is about. */
  #latest: { step: RunStep; readonly index: number } | null = null;

  constructor(name: string, lines: readonly string[]) {
    this.#name = name;
    this.#lines = lines;
  }

  read(): Guide {
    for (let index = 0; index < this.#lines.length; ) index = this.#readAt(index);
    this.#expectNoMarks();
    return {
      name: this.#name,
      system: this.#system,
      beginsAt: this.#beginsAt,
      steps: this.#steps,
      problems: this.#problems,
    };
  }

  /** Reads what begins at a line; returns where the next thing begins. */
  #readAt(index: number): number {
    const text = this.#lines[index] ?? '';
    const line = index + 1;
    const fence = /^( {0,3})(`{3,}|~{3,})\s*([\w-]*)/.exec(text);
    if (fence !== null) return this.#readBlock(index, fence);
    const comment = /^\s*<!--\s*(.*?)\s*-->\s*$/.exec(text);
    if (comment !== null) this.#mark(comment[1] ?? '', line);
    else if (/^\s*<!--/.test(text)) this.#problem(line, 'a mark has to end in its line');
    else if (text.trim() !== '') {
      this.#expectNoMarks();
      this.#latest = null;
    }
    return index + 1;
  }

  #readBlock(index: number, [, indent = '', fence = '', language = '']: RegExpExecArray): number {
    const isEnd = (text: string): boolean => text.trim().startsWith(fence) && /^[`~]+$/.test(text.trim());
    let end = index + 1;
    while (end < this.#lines.length && !isEnd(this.#lines[end] ?? '')) end += 1;
    if (end === this.#lines.length) this.#problem(index + 1, 'the block has no end');
    const text = this.#lines
      .slice(index + 1, end)
      .map((row) => (row.startsWith(indent) ? row.slice(indent.length) : row.trimStart()))
      .join('\n');
    this.#block({ line: index + 1, language, text: `${text}\n` });
    return end + 1;
  }

  #block({ line, language, text }: Block): void {
    const marks = this.#marks;
    const marked = (mark: BlockMark): string | null => marks.get(mark)?.value ?? null;
    const [path, reason] = [marked('file'), marked('not run here')];
    const terminal = marked('terminal') ?? mainTerminal;
    if (path !== null) {
      this.#steps.push({ kind: 'file', line, terminal, path, text });
      this.#latest = null;
    } else if (language === 'sh' && reason !== null) {
      this.#steps.push({ kind: 'skipped', line, script: text, reason });
      this.#latest = null;
    } else if (language === 'sh') this.#run({ line, terminal, script: text });
    else {
      if (commandLanguages.includes(language)) {
        this.#problem(line, `\`\`\`${language} is not run: write what the reader types as \`\`\`sh`);
      }
      // What a sample of the output is marked with is about the block before it.
      if (marks.size > 0) this.#problem(line, `nothing can be marked about a block of \`${language}\``);
    }
    this.#marks = new Map();
  }

  #run({ line, terminal, script }: { line: number; terminal: string; script: string }): void {
    const duration = (mark: BlockMark): number | null => {
      const found = this.#marks.get(mark);
      if (found === undefined) return null;
      const seconds = /^(\d+)s$/.exec(found.value)?.[1];
      if (seconds === undefined) this.#problem(found.line, `\`${mark}\` has to be seconds: 30s`);
      return Number(seconds ?? 0) * 1_000;
    };
    const status = this.#marks.get('exits with')?.value ?? '0';
    if (!/^\d{1,3}$/.test(status)) this.#problem(line, '`exits with` has to be a number');
    this.#push({
      ...{ kind: 'run', line, terminal, script, isPreparation: false },
      deadlineMs: duration('deadline') ?? defaultDeadlineMs,
      exitStatus: Number(status),
      runsUntil: this.#marks.get('runs until')?.value ?? null,
      withinMs: duration('within'),
      expectations: [],
    });
  }

  #push(step: RunStep): void {
    this.#latest = { step, index: this.#steps.length };
    this.#steps.push(step);
  }

  #mark(comment: string, line: number): void {
    if (foreign.test(comment)) return;
    const [, key = comment, value = ''] = /^([^:]+):\s*(.*)$/.exec(comment) ?? [];
    if (value === '') {
      this.#problem(line, `\`${key}\` needs a value after a colon`);
    } else if (isBlockMark(key)) {
      if (this.#marks.has(key)) this.#problem(line, `\`${key}\` stands twice`);
      this.#marks.set(key, { value, line });
    } else {
      this.#expectNoMarks();
      this.#markBetween(key, value, line);
    }
  }

  #markBetween(key: string, value: string, line: number): void {
    const inTerminal = /^expect in (\S+)$/.exec(key)?.[1];
    if (inTerminal !== undefined) {
      const expectation = this.#expectation(value, line);
      this.#steps.push({ kind: 'look', line, terminal: inTerminal, expectation });
    } else if (key === 'expect') this.#expect(value, line);
    else if (key === 'place') this.#steps.push({ kind: 'place', line, name: value });
    else if (key === 'interrupt') this.#steps.push({ kind: 'interrupt', line, terminal: value });
    else if (key === 'prepare') this.#prepare(value, line);
    else if (key === 'system') this.#readSystem(value, line);
    else if (key === 'begins at') this.#readBeginning(value, line);
    else this.#problem(line, `there is no mark \`${key}\``);
  }

  #expect(value: string, line: number): void {
    if (this.#latest === null) {
      this.#problem(line, '`expect` has to follow the block that it is about');
      return;
    }
    const { step, index } = this.#latest;
    const more = { ...step, expectations: [...step.expectations, this.#expectation(value, line)] };
    this.#latest = { step: more, index };
    this.#steps[index] = more;
  }

  #expectation(text: string, line: number): Expectation {
    const source = /^\/(.*)\/$/.exec(text)?.[1];
    if (source === undefined) return { line, text, isMet: (output) => output.includes(text) };
    try {
      const pattern = new RegExp(source, 'm');
      return { line, text, isMet: (output) => pattern.test(output) };
    } catch {
      this.#problem(line, `${text} is no pattern`);
      return { line, text, isMet: () => false };
    }
  }

  #prepare(script: string, line: number): void {
    const terminal = mainTerminal;
    const once = { deadlineMs: 300_000, exitStatus: 0, runsUntil: null, withinMs: null, expectations: [] };
    this.#push({ kind: 'run', line, terminal, script: `${script}\n`, isPreparation: true, ...once });
  }

  #readSystem(value: string, line: number): void {
    const system = guideSystems.find((known) => known === value);
    if (system === undefined) this.#problem(line, `\`system\` is one of ${guideSystems.join(', ')}`);
    else this.#system = system;
  }

  #readBeginning(value: string, line: number): void {
    const [, guide, place] = /^([\w-]+)#([\w-]+)$/.exec(value) ?? [];
    if (guide === undefined || place === undefined) this.#problem(line, '`begins at` has to be GUIDE#PLACE');
    else this.#beginsAt = { guide, place };
  }

  #expectNoMarks(): void {
    for (const [mark, { line }] of this.#marks) this.#problem(line, `\`${mark}\` has no block after it`);
    this.#marks = new Map();
  }

  #problem(line: number, words: string): void {
    this.#problems.push(`${this.#name}.md:${line}: ${words}`);
  }
}

const isBlockMark = (key: string): key is BlockMark => blockMarks.some((mark) => mark === key);
