import type { ClusterId, InstanceId } from '../base/brand.ts';

/** A place among those that connect to a server, or in the line for one. */
export interface Turn {
  /** Gives the place up, in either. No effect the second time. */
  end(): void;
}

interface Line {
  /** Connections under way. */
  busy: number;
  /** Whoever is let go may end a turn at once: that must not let the next one go from within. */
  advancing: boolean;
  /** Who waits, first come, first served. */
  readonly waiting: Map<Turn, Waiting>;
}

interface Waiting {
  readonly most: number;
  readonly go: () => void;
}

/**
 * Bounds how many connections to one server are under way at a time; the rest wait in line. Each of them belongs to a
 * session, so the lines are bounded by `max_sessions`. Whoever waits minds the time itself.
 */
export class DialPacer {
  readonly #lines = new Map<string, Line>();

  /** Calls `go` once fewer than `most` are under way and nobody else is first: before this returns, if that is so now. */
  enter(cluster: ClusterId, instance: InstanceId, most: number, go: () => void): Turn {
    const name = `${cluster} ${instance}`;
    const line = this.#lines.get(name) ?? { busy: 0, advancing: false, waiting: new Map() };
    this.#lines.set(name, line);
    let ended = false;
    const turn: Turn = {
      end: () => {
        if (ended) return;
        ended = true;
        if (line.waiting.delete(turn)) return;
        line.busy -= 1;
        this.#advance(line);
        const isIdle = line.busy === 0 && line.waiting.size === 0 && !line.advancing;
        if (isIdle && this.#lines.get(name) === line) this.#lines.delete(name);
      },
    };
    line.waiting.set(turn, { most, go });
    this.#advance(line);
    return turn;
  }

  /** How many wait in line for the server. */
  waiting(cluster: ClusterId, instance: InstanceId): number {
    return this.#lines.get(`${cluster} ${instance}`)?.waiting.size ?? 0;
  }

  #advance(line: Line): void {
    if (line.advancing) return;
    line.advancing = true;
    for (const [turn, { most, go }] of line.waiting) {
      if (line.busy >= most) break;
      line.waiting.delete(turn);
      line.busy += 1;
      go();
    }
    line.advancing = false;
  }
}
