import { unreachable } from '../../src/base/assert.ts';
import type { Stage } from './all-guides.ts';
import type { FreshMachine } from './fresh-machine.ts';
import { sharedFolder } from './fresh-machine.ts';
import type { Expectation, FileStep, LookStep, RunStep, Step } from './guide.ts';
import { type BlockOutcome, Terminal } from './terminal.ts';

const lookTimeoutMs = 30_000;
const fileTimeoutMs = 10_000;
const againMs = 500;

export interface Failure {
  readonly step: Step;
  readonly words: string;
  readonly output: string;
}

export interface StepReport {
  readonly guide: string;
  readonly step: Step;
  readonly seconds: number;
  readonly output: string;
  readonly failure: Failure | null;
}

/** Does what a reader of the guide does, until the first step that does not come out as the page says. */
export async function runGuide(
  machine: FreshMachine,
  stages: readonly Stage[],
  onStep: (report: StepReport) => void,
): Promise<Failure | null> {
  const reader = new Reader(machine);
  for (const { guide, steps } of stages) {
    for (const step of steps) {
      const begun = performance.now();
      const { failure, output } = await reader.take(guide, step);
      onStep({ guide, step, seconds: (performance.now() - begun) / 1_000, output, failure });
      if (failure !== null) return failure;
    }
  }
  return null;
}

interface Taken {
  readonly failure: Failure | null;
  readonly output: string;
}

class Reader {
  readonly #machine: FreshMachine;
  readonly #terminals = new Map<string, Terminal>();
  #files = 0;

  constructor(machine: FreshMachine) {
    this.#machine = machine;
  }

  async take(guide: string, step: Step): Promise<Taken> {
    switch (step.kind) {
      case 'run':
        return this.#run(guide, step);
      case 'file':
        return this.#writeFile(step);
      case 'look':
        return this.#look(step);
      case 'interrupt':
        return this.#interrupt(step);
      case 'skipped':
      case 'place':
        return { failure: null, output: '' };
      default:
        return unreachable(step);
    }
  }

  async #run(guide: string, step: RunStep): Promise<Taken> {
    const terminal = await this.#terminal(step.terminal);
    await terminal.settle();
    if (terminal.isBusy) return failed(step, `the terminal \`${step.terminal}\` is busy: interrupt it first`);
    const file = await this.#share(`${guide}-${step.line}.sh`, step.script);
    const { deadlineMs, runsUntil, withinMs } = step;
    // What goes on running is a reader's loop, which an error does not end.
    const stopsAtFailure = step.exitStatus === 0 && withinMs === null && runsUntil === null;
    const options = { deadlineMs, runsUntil, stopsAtFailure };
    const giveUpAt = performance.now() + (withinMs ?? 0);
    for (;;) {
      const outcome = await terminal.run(file, options);
      const words = verdict(step, outcome);
      if (words === null) return { failure: null, output: outcome.output };
      if (outcome.kind !== 'ended' || terminal.hasEnded || performance.now() > giveUpAt) {
        return failed(step, words, outcome.output);
      }
      await new Promise((resolve) => setTimeout(resolve, againMs));
    }
  }

  async #writeFile(step: FileStep): Promise<Taken> {
    const terminal = await this.#terminal(step.terminal);
    const file = await this.#share(`text-${this.#files}`, step.text);
    const script = await this.#share(`text-${this.#files++}.sh`, `cat ${file} > ${step.path}\n`);
    const options = { deadlineMs: fileTimeoutMs, runsUntil: null, stopsAtFailure: false };
    const outcome = await terminal.run(script, options);
    if (outcome.kind === 'ended' && outcome.status === 0) return { failure: null, output: '' };
    return failed(step, `${step.path} could not be written`, outcome.output);
  }

  async #look({ terminal: name, expectation, ...step }: LookStep): Promise<Taken> {
    const terminal = await this.#terminal(name);
    const { isMet, output } = await terminal.look(expectation.isMet, lookTimeoutMs);
    if (isMet) return { failure: null, output };
    return failed({ terminal: name, expectation, ...step }, missing(expectation), output);
  }

  async #interrupt(step: Step & { readonly terminal: string }): Promise<Taken> {
    const terminal = await this.#terminal(step.terminal);
    if (!terminal.isBusy) return failed(step, `nothing runs in the terminal \`${step.terminal}\` any more`);
    if (await terminal.interrupt()) return { failure: null, output: '' };
    return failed(step, `Ctrl-C did not end what runs in the terminal \`${step.terminal}\``);
  }

  async #terminal(name: string): Promise<Terminal> {
    const open = this.#terminals.get(name);
    if (open !== undefined && !open.hasEnded) return open;
    const terminal = await Terminal.open(this.#machine);
    this.#terminals.set(name, terminal);
    return terminal;
  }

  async #share(name: string, text: string): Promise<string> {
    await this.#machine.share(name, text);
    return `${sharedFolder}/${name}`;
  }
}

/** What is wrong with the outcome of a block; null: it is as the page says. */
function verdict(step: RunStep, outcome: BlockOutcome): string | null {
  if (outcome.kind === 'late') return `it took longer than ${step.deadlineMs / 1_000} s`;
  if (outcome.kind === 'ended') {
    if (step.runsUntil !== null)
      return `it ended with ${outcome.status}, before “${step.runsUntil}” was printed`;
    if (outcome.status !== step.exitStatus) {
      return `it ended with ${outcome.status}, and not with ${step.exitStatus}`;
    }
  }
  const unmet = step.expectations.find(({ isMet }) => !isMet(outcome.output));
  return unmet === undefined ? null : missing(unmet);
}

const missing = ({ text, line }: Expectation): string => `${text} is not in the output, as line ${line} says`;

const failed = (step: Step, words: string, output = ''): Taken => ({
  failure: { step, words, output },
  output,
});
