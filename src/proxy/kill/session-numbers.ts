import { assert } from '../../base/assert.ts';
import type { ClusterId, InstanceId } from '../../base/brand.ts';
import type { Prng } from '../../base/prng.ts';
import { type Address, formatAddress } from '../../cluster/instance.ts';

/** Where a session is: a server of a cluster, at an address. */
export interface Server {
  readonly cluster: ClusterId;
  readonly instance: InstanceId;
  readonly address: Address;
}

/** A session as its client and its server know it. */
export interface NumberedSession {
  /** What its client was told. */
  readonly number: number;
  readonly server: Server;
  /** What its server calls it. */
  readonly own: number;
  /** Since which start of the server: its numbers begin again with each. */
  readonly term: number;
}

interface Counter {
  highest: number;
  term: number;
  sessions: number;
}

/**
 * Aurelay's numbers are the upper quarter of the 32 bits. MySQL and MariaDB count connections up from 1 with each start, and
 * would reach it after 3.2 billion.
 */
export const firstNumber = 0xc000_0000;
const lastNumber = 0xffff_fffe;
const numbers = lastNumber - firstNumber + 1;

/**
 * Gives sessions numbers that no server gives out, each to one session over all servers, for as long as it lasts. They
 * are taken in order from a place chosen at random, so that one of a session that has ended, or of an Aurelay before
 * this one, is nobody's.
 */
export class SessionNumbers {
  readonly #sessions = new Map<number, NumberedSession>();
  readonly #counters = new Map<string, Counter>();
  #next: number;

  constructor(prng: Prng) {
    this.#next = firstNumber + Math.floor(prng.next() * numbers);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The largest number that the server has given out so far: to be asked before it is dialled. */
  highest(server: Server): number {
    return this.#counters.get(keyOf(server))?.highest ?? 0;
  }

  /**
   * `own` is what the server gave to a connection that was dialled after it had given out `highestBefore`. It gives out
   * larger ones from then on, or was started again, and then all sessions before this one are no more.
   */
  enter(server: Server, own: number, highestBefore: number): NumberedSession {
    assert(this.#sessions.size < numbers, 'there are fewer sessions than numbers');
    const counter = this.#counters.get(keyOf(server)) ?? { highest: 0, term: 0, sessions: 0 };
    this.#counters.set(keyOf(server), counter);
    if (own <= highestBefore && highestBefore <= counter.highest) {
      counter.term += 1;
      counter.highest = own;
    }
    counter.highest = Math.max(counter.highest, own);
    counter.sessions += 1;
    const session = { number: this.#take(), server, own, term: counter.term };
    this.#sessions.set(session.number, session);
    return session;
  }

  /** The reverse of `enter`. */
  leave(session: NumberedSession): void {
    if (!this.#sessions.delete(session.number)) return;
    const key = keyOf(session.server);
    const counter = this.#counters.get(key);
    if (counter === undefined) return;
    counter.sessions -= 1;
    if (counter.sessions === 0) this.#counters.delete(key);
  }

  /** The session of this number, unless its server has been started again since. */
  find(number: number): NumberedSession | null {
    const session = this.#sessions.get(number);
    if (session === undefined) return null;
    return this.#counters.get(keyOf(session.server))?.term === session.term ? session : null;
  }

  #take(): number {
    while (this.#sessions.has(this.#next)) this.#advance();
    const number = this.#next;
    this.#advance();
    return number;
  }

  #advance(): void {
    this.#next = this.#next === lastNumber ? firstNumber : this.#next + 1;
  }
}

export const isSameServer = (one: Server, other: Server): boolean => keyOf(one) === keyOf(other);

const keyOf = ({ cluster, instance, address }: Server): string =>
  `${cluster} ${instance} ${formatAddress(address)}`;
