import { messageOf } from '../base/errors.ts';
import { exceptionFields } from '../log/exception.ts';
import { type Flood, flood } from '../log/flood.ts';
import { type LineLogger, tell } from '../log/tell.ts';

/** Whoever guesses tokens, or connects in a loop, is not to fill the log: between two lines of a kind. */
const quietMs = 1000;
const clock = {
  after(delayMs: number, run: () => void) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

interface Failure {
  readonly method: string;
  readonly path: string;
  readonly thrown: unknown;
}

/** What goes wrong at the admin API, in the log; a few lines however often. */
export class AdminTroubles {
  readonly #wrongTokens: Flood<{ readonly client: string | null }>;
  readonly #drops: Flood<{ readonly connections: number }>;
  readonly #notAccepted: Flood<Error>;
  readonly #failures: Flood<Failure>;

  constructor(logger: LineLogger) {
    this.#wrongTokens = flood(
      quietMs,
      clock,
      () => 'wrong token',
      ({ client }, suppressed) => {
        const fields = { 'client.address': client, suppressed };
        tell(logger, 'admin.wrong-token', fields, 'a request with a wrong token was refused');
      },
    );
    this.#drops = flood(
      quietMs,
      clock,
      () => 'dropped',
      ({ connections }, suppressed) => {
        const message = 'the admin API has too many connections: one was dropped';
        tell(logger, 'admin.dropped', { connections, suppressed }, message);
      },
    );
    this.#notAccepted = flood(quietMs, clock, messageOf, (error, suppressed) => {
      const fields = { ...exceptionFields(error), suppressed };
      tell(logger, 'admin.accept-failed', fields, `cannot accept a connection: ${messageOf(error)}`);
    });
    this.#failures = flood(
      quietMs,
      clock,
      ({ thrown }) => messageOf(thrown),
      ({ method, path, thrown }, suppressed) => {
        const fields = { 'http.request.method': method, 'url.path': path, suppressed };
        const message = `the admin API failed: ${messageOf(thrown)}`;
        tell(logger, 'admin.failed', { ...fields, ...exceptionFields(thrown) }, message);
      },
    );
  }

  wrongToken(client: string | null): void {
    this.#wrongTokens.tell({ client });
  }

  dropped(connections: number): void {
    this.#drops.tell({ connections });
  }

  notAccepted(error: Error): void {
    this.#notAccepted.tell(error);
  }

  failed(method: string, path: string, thrown: unknown): void {
    this.#failures.tell({ method, path, thrown });
  }

  /** Says what was held back. Nothing is logged afterwards. */
  close(): void {
    for (const each of [this.#wrongTokens, this.#drops, this.#notAccepted, this.#failures]) each.close();
  }
}
