/** A place among the sessions of a client. */
export interface Seat {
  /** No effect the second time. */
  leave(): void;
}

/** Sessions by client, now: bounded by the sessions that there are. */
export class ClientSessions {
  readonly #counts = new Map<string, number>();

  /** One session more of `client`; null where it has `most` already. */
  take(client: string, most: number): Seat | null {
    const count = this.#counts.get(client) ?? 0;
    if (count >= most) return null;
    this.#counts.set(client, count + 1);
    let taken = true;
    return {
      leave: () => {
        if (!taken) return;
        taken = false;
        const left = (this.#counts.get(client) ?? 1) - 1;
        if (left > 0) this.#counts.set(client, left);
        else this.#counts.delete(client);
      },
    };
  }

  /** How many clients have sessions. */
  get size(): number {
    return this.#counts.size;
  }
}
