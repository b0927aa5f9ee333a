import type { Row, ServerStatus } from './dialects/dialect.ts';

/**
 * When a replica last had word of its source. The servers do not say; that what they show of it changes from look to look
 * tells.
 */
export class SignsOfLife {
  private last: {
    readonly signs: string;
    readonly showsHeartbeats: boolean;
    /** Milliseconds, as `now`. */
    readonly heardAt: number | null;
  } | null = null;

  /**
   * In seconds; null until something changes. `heartbeats`: the rows of the dialect's `heartbeatsSql`, null where it has
   * none or is refused. `now`: milliseconds of a clock that does not jump.
   */
  heardSecondsAgo({ channels }: ServerStatus, heartbeats: readonly Row[] | null, now: number): number | null {
    const shown = channels.map(({ signsOfLife }) => signsOfLife);
    const signs = JSON.stringify([shown, (heartbeats ?? []).map((row) => Object.values(row))]);
    const showsHeartbeats = heartbeats !== null;
    const before = this.last;
    // To be shown more than before is no sign of life.
    const isHeard = before !== null && before.showsHeartbeats === showsHeartbeats && before.signs !== signs;
    const heardAt = isHeard ? now : (before?.heardAt ?? null);
    this.last = { signs, showsHeartbeats, heardAt };
    return heardAt === null ? null : (now - heardAt) / 1000;
  }
}
