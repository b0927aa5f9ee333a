import { Session } from 'node:inspector';

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface FunctionCoverage {
  readonly ranges: readonly Range[];
}

interface ScriptCoverage {
  readonly scriptId: string;
  readonly url: string;
  readonly functions: readonly FunctionCoverage[];
}

/**
 * Which blocks of code ran since the last look, as V8 counts them (inspector protocol, `Profiler.takePreciseCoverage`).
 * Functions that were compiled before it was made are counted whole: make it before the code under test is imported.
 */
export class BlockCounter {
  readonly #session = new Session();
  readonly #wanted: (url: string) => boolean;

  constructor(wanted: (url: string) => boolean) {
    this.#wanted = wanted;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  take(): readonly ScriptCoverage[] {
    let scripts: readonly ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error;
      scripts = result;
    });
    return scripts.filter(({ url }) => this.#wanted(url));
  }

  close(): void {
    this.#session.disconnect();
  }
}

/** The blocks that ran so far, over many looks. */
export class CoverageMap {
  /** By script: 1 for each character of its text that ran. */
  readonly #ran = new Map<string, Uint8Array>();
  /** Where blocks begin that V8 has ever told apart. */
  readonly #blocks = new Map<string, Set<number>>();

  /** Whether something ran that never had before; notes it only with `keep`. */
  isNew(scripts: readonly ScriptCoverage[], keep: boolean): boolean {
    let found = false;
    for (const script of scripts) {
      const now = painted(script);
      const before = this.#grown(script.scriptId, now.length);
      for (let at = 0; at < now.length; at++) {
        if (now[at] !== 1 || before[at] === 1) continue;
        found = true;
        if (!keep) return true;
        before[at] = 1;
      }
      if (keep) this.#noteBlocks(script);
    }
    return found;
  }

  /** Blocks that ran, of those in functions that were called at least once. */
  count(): { readonly ran: number; readonly known: number } {
    let [ran, known] = [0, 0];
    for (const [script, starts] of this.#blocks) {
      for (const start of starts) {
        known += 1;
        if (this.#ran.get(script)?.[start] === 1) ran += 1;
      }
    }
    return { ran, known };
  }

  #noteBlocks({ scriptId, functions }: ScriptCoverage): void {
    const starts = this.#blocks.get(scriptId) ?? new Set();
    this.#blocks.set(scriptId, starts);
    for (const { ranges } of functions) for (const { startOffset } of ranges) starts.add(startOffset);
  }

  #grown(script: string, length: number): Uint8Array {
    const before = this.#ran.get(script) ?? new Uint8Array(0);
    if (before.length >= length) return before;
    const grown = new Uint8Array(length);
    grown.set(before);
    this.#ran.set(script, grown);
    return grown;
  }
}

/** A range holds for all of it but for the ranges inside it, which come later. */
function painted({ functions }: ScriptCoverage): Uint8Array {
  const end = Math.max(0, ...functions.map(({ ranges }) => ranges[0]?.endOffset ?? 0));
  const ran = new Uint8Array(end);
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges)
      ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  }
  return ran;
}
