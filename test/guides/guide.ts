/** A page of docs/guides as `npm run guides` reads it: what its reader types, in order, and what has to come of it. */
export interface Guide {
  /** `postgresql` for docs/guides/postgresql.md. */
  readonly name: string;
  readonly system: GuideSystem;
  /** The guide, and the place in it, where this one begins; null: on a machine that has nothing yet. */
  readonly beginsAt: { readonly guide: string; readonly place: string } | null;
  readonly steps: readonly Step[];
  /** What is wrong with the page, each with its line: such a guide is not run. */
  readonly problems: readonly string[];
}

export const guideSystems = ['debian-12', 'debian-sid'] as const;
export type GuideSystem = (typeof guideSystems)[number];

export type Step = RunStep | FileStep | SkippedStep | InterruptStep | LookStep | PlaceStep;

interface StepBase {
  /** Of the page, from 1. */
  readonly line: number;
}

/** A ```sh block. */
export interface RunStep extends StepBase {
  readonly kind: 'run';
  readonly terminal: string;
  readonly script: string;
  /** Reader's machines have this already, so that the page does not show it. */
  readonly isPreparation: boolean;
  readonly deadlineMs: number;
  /** Of the last command of the block. */
  readonly exitStatus: number;
  /** It goes on running in its terminal once its output has this; null: it ends. */
  readonly runsUntil: string | null;
  /** It is run again until its output is as expected, for so long; null: once. */
  readonly withinMs: number | null;
  readonly expectations: readonly Expectation[];
}

/** A block that the reader puts into a file. */
export interface FileStep extends StepBase {
  readonly kind: 'file';
  readonly terminal: string;
  readonly path: string;
  readonly text: string;
}

/** A ```sh block that cannot be run here. */
export interface SkippedStep extends StepBase {
  readonly kind: 'skipped';
  readonly script: string;
  readonly reason: string;
}

/** Ctrl-C in a terminal. */
export interface InterruptStep extends StepBase {
  readonly kind: 'interrupt';
  readonly terminal: string;
}

/** A look at what a running block has printed since it was last looked at. */
export interface LookStep extends StepBase {
  readonly kind: 'look';
  readonly terminal: string;
  readonly expectation: Expectation;
}

/** Where another guide may begin. */
export interface PlaceStep extends StepBase {
  readonly kind: 'place';
  readonly name: string;
}

export interface Expectation extends StepBase {
  /** As the page has it: a text that has to be in the output, or /a pattern/. */
  readonly text: string;
  readonly isMet: (output: string) => boolean;
}
