import type { Logger } from 'pino';
import type { ReloadResult } from './admin/controls.ts';
import type { Clock } from './base/clock.ts';
import { messageOf } from './base/errors.ts';
import type { Objection } from './cluster/reconfiguration.ts';
import type { Config } from './config/config.ts';
import { type Diagnostic, headline } from './config/diagnostic.ts';
import type { LoadResult } from './config/load.ts';
import { planReload, type ReloadPlan } from './config/reload.ts';
import { tell } from './log/tell.ts';

/** Where the configuration comes from, and comes from again. */
export interface ConfigSource {
  /** Reads and checks it. Throws where it cannot be read. */
  load(): LoadResult;
  /** Calls `onChange` after it has changed, until the returned function is called. */
  watch(onChange: () => void): () => void;
}

/** Who asks for a reload; in the log only. */
export type ReloadTrigger = 'signal' | 'api' | 'watch';

/** The values are labels of metrics: add, never rename. */
export type ReloadOutcome = ReloadResult['outcome'];

/** What a reload is carried out on. */
export interface Reloadable {
  readonly config: Config;
  /** What speaks against `next` at this moment. */
  objection(next: Config, plan: ReloadPlan): Objection | null;
  /** Gets everything that `apply` needs and that may not be had; throws, and nothing is changed or left open. */
  prepare(next: Config, plan: ReloadPlan): Promise<void>;
  /** Undoes `prepare`. */
  abandon(): void;
  /** Begins in the same turn of the event loop, after `objection` said null, and cannot fail. */
  apply(next: Config, plan: ReloadPlan): Promise<void>;
  /** What is kept in files of its own (certificates) is read again, changed configuration or not. */
  refresh(): Promise<void>;
}

export interface ReloaderOptions {
  readonly source: ConfigSource;
  readonly target: Reloadable;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onOutcome: (outcome: ReloadOutcome) => void;
}

/** A change of the writer is waited for no longer than this. */
const patienceMs = 30_000;
const lookAgainMs = 50;
/** Diagnostics that an answer repeats in its message. */
const mostRepeated = 5;

/**
 * Reads the configuration again and puts it in force: all of it, or nothing. One at a time; whoever asks while one is
 * under way shares the next one with all others who do.
 */
export class Reloader {
  readonly #options: ReloaderOptions;
  #running: Promise<ReloadResult> | null = null;
  #next: Promise<ReloadResult> | null = null;
  #stopped = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
  }

  reload(trigger: ReloadTrigger): Promise<ReloadResult> {
    if (this.#next !== null) return this.#next;
    if (this.#running === null) return this.#begin(trigger);
    const next = this.#running.then(() => {
      this.#next = null;
      return this.#begin(trigger);
    });
    this.#next = next;
    return next;
  }

  stop(): void {
    this.#stopped = true;
  }

  #begin(trigger: ReloadTrigger): Promise<ReloadResult> {
    const running = this.#reload(trigger).finally(() => {
      this.#running = null;
    });
    this.#running = running;
    return running;
  }

  async #reload(trigger: ReloadTrigger): Promise<ReloadResult> {
    const { onOutcome } = this.#options;
    const result = await this.#attempt();
    this.#tell(trigger, result);
    onOutcome(result.outcome);
    return result;
  }

  async #attempt(): Promise<ReloadResult> {
    const { source, target, logger } = this.#options;
    let loaded: LoadResult;
    try {
      loaded = source.load();
    } catch (error) {
      return invalid(`the configuration cannot be read: ${messageOf(error)}`, []);
    }
    if (!loaded.ok) return invalid(inWords(loaded.diagnostics), loaded.diagnostics);
    for (const warning of loaded.warnings) {
      tell(logger, 'config.warning', { file: warning.file, line: warning.line }, headline(warning));
    }
    const plan = planReload(target.config, loaded.config);
    if (plan.refusals.length > 0) {
      return refused(`${plan.refusals.join(', ')} without a restart`);
    }
    if (plan.isUnchanged) {
      await target.refresh();
      return { ok: true, outcome: 'unchanged', message: plan.summary };
    }
    return this.#apply(loaded.config, plan);
  }

  async #apply(next: Config, plan: ReloadPlan): Promise<ReloadResult> {
    const { target, clock } = this.#options;
    const deadline = clock.now() + patienceMs;
    for (;;) {
      const against = await this.#settled(next, plan, deadline);
      if (against !== null) return refused(against);
      try {
        await target.prepare(next, plan);
      } catch (error) {
        return refused(messageOf(error));
      }
      if (target.objection(next, plan) === null && !this.#stopped) break;
      // A change of the writer began while the listeners were opened.
      target.abandon();
    }
    await target.apply(next, plan);
    await target.refresh();
    return { ok: true, outcome: 'applied', message: plan.summary };
  }

  /** Waits while the objection is one of the moment; null: there is none. */
  async #settled(next: Config, plan: ReloadPlan, deadline: number): Promise<string | null> {
    const { target, clock } = this.#options;
    for (;;) {
      if (this.#stopped) return 'Aurelay is shutting down';
      const against = target.objection(next, plan);
      if (against === null) return null;
      if (against.kind === 'never') return against.why;
      if (clock.now() >= deadline) return `${against.why}: reload again when that is over`;
      await new Promise<void>((resolve) => clock.after(lookAgainMs, resolve));
    }
  }

  #tell(trigger: ReloadTrigger, result: ReloadResult): void {
    const { logger } = this.#options;
    if (!result.ok) {
      const errors = result.outcome === 'invalid' ? result.diagnostics.map(oneLine) : [];
      const fields = { trigger, outcome: result.outcome, errors };
      tell(logger, 'config.rejected', fields, `the configuration stays as it was: ${result.message}`);
      return;
    }
    const fields = { trigger, outcome: result.outcome };
    tell(logger, 'config.reloaded', fields, `the configuration was read again: ${result.message}`);
  }
}

const refused = (message: string): ReloadResult => ({ ok: false, outcome: 'refused', message });

const invalid = (message: string, diagnostics: readonly Diagnostic[]): ReloadResult => ({
  ok: false,
  outcome: 'invalid',
  message,
  diagnostics,
});

const oneLine = (diagnostic: Diagnostic): string =>
  `${diagnostic.file}:${diagnostic.line}:${diagnostic.column}: ${headline(diagnostic)}`;

function inWords(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const more = errors.length > mostRepeated ? [`and ${errors.length - mostRepeated} more`] : [];
  return [...errors.slice(0, mostRepeated).map(oneLine), ...more].join('; ');
}
