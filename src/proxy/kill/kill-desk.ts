import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { KillCommand, KillError, Killer, KillProtocol } from '../../engines/engine.ts';
import { type Flood, flood } from '../../log/flood.ts';
import { type FieldsOf, tell } from '../../log/tell.ts';
import type { HeldCommands } from '../relay/relay.ts';
import { isSameServer, type NumberedSession, type Server, type SessionNumbers } from './session-numbers.ts';

export interface KillDeskOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly numbers: SessionNumbers;
  /** The way of the monitor user to a server; null: there is none. */
  killerOf(server: Server): Killer | null;
}

/** A session with a number of its own. */
export interface NamedSession {
  /** For its client. */
  readonly greeting: Uint8Array;
  readonly held: HeldCommands;
  /** Its number is nobody's from now on. */
  leave(): void;
}

/** A KILL that takes longer, its wait for others included, has failed. */
const killTimeoutMs = 5_000;
/** KILLs for other servers that are under way at a time: each takes connections of the monitor user, which has few. */
const maxAtWork = 2;
const maxWaiting = 64;

const unknown = ({ session }: KillCommand): KillError => ({
  errno: 1094,
  message: `Unknown thread id: ${session}`,
});
const notOwner = ({ session }: KillCommand): KillError => ({
  errno: 1095,
  message: `You are not owner of thread ${session}`,
});
/** ER_UNKNOWN_ERROR: its text is all that it says. */
const unknownError = 1105;
/** Between two lines about the same trouble. */
const quietMs = 10_000;
const failed = (why: string): KillError => ({ errno: unknownError, message: `aurelay: not killed: ${why}` });

/**
 * Tells clients numbers of ours, and carries out their KILLs of these: through the asker's own session where the other one
 * is on the same server, which judges by itself then; else as the monitor user, for sessions of the asker's own user. A KILL
 * of a number that is none of ours goes to the asker's server as it is.
 */
export class KillDesk {
  readonly #options: KillDeskOptions;
  #atWork = 0;
  readonly #troubles: Flood<{ what: Omit<FieldsOf<'kill.failed'>, 'suppressed'>; why: string }>;
  readonly #waiting: (() => void)[] = [];

  constructor(options: KillDeskOptions) {
    this.#options = options;
    const { clock, logger } = options;
    this.#troubles = flood(
      quietMs,
      clock,
      ({ what, why }) => [what.cluster, what.instance, why].join(' '),
      ({ what, why }, suppressed) =>
        tell(logger, 'kill.failed', { ...what, suppressed }, `a KILL failed: ${why}`),
    );
  }

  close(): void {
    this.#troubles.close();
  }

  /** Gives the session that `greeting` begins a number; null where the server gave it none. */
  name(
    protocol: KillProtocol,
    server: Server,
    greeting: Uint8Array,
    highestBefore: number,
  ): NamedSession | null {
    const { numbers } = this.#options;
    const own = protocol.numberIn(greeting);
    if (own === null) return null;
    const asker = numbers.enter(server, own, highestBefore);
    return {
      greeting: protocol.withNumber(greeting, asker.number),
      held: {
        watch: protocol.watch,
        replace: (packet) => this.#replace(protocol, asker, packet),
      },
      leave: () => numbers.leave(asker),
    };
  }

  async #replace(protocol: KillProtocol, asker: NumberedSession, packet: Uint8Array): Promise<Uint8Array> {
    const command = protocol.read(packet);
    const named = command === null ? null : this.#options.numbers.find(command.session);
    // The server says that it does not know the number, or means one of its own.
    if (command === null || named === null || named.server.cluster !== asker.server.cluster) return packet;
    if (isSameServer(named.server, asker.server)) {
      return named.term === asker.term ? protocol.renumber(packet, named.own) : packet;
    }
    const error = await this.#killElsewhere(asker, command);
    return error === null ? protocol.done : protocol.failed(packet, error);
  }

  async #killElsewhere(asker: NumberedSession, command: KillCommand): Promise<KillError | null> {
    const { clock, logger } = this.#options;
    const deadline = clock.now() + killTimeoutMs;
    const { cluster, instance } = asker.server;
    let error: KillError | null;
    try {
      error = await this.#inTurn(() => this.#carryOut(asker, command, () => deadline - clock.now()));
    } catch (thrown) {
      error = failed(messageOf(thrown));
    }
    const { session, scope } = command;
    const what = { cluster, instance, session, scope };
    // The others are the client's own affair.
    if (error?.errno === unknownError) this.#troubles.tell({ what, why: error.message });
    else tell(logger, 'kill.done', what, error?.message ?? 'a KILL was carried out on another server');
    return error;
  }

  async #carryOut(
    asker: NumberedSession,
    command: KillCommand,
    remainingMs: () => number,
  ): Promise<KillError | null> {
    const { killerOf, numbers } = this.#options;
    if (remainingMs() <= 0) return failed('no turn in time, too many at once');
    const user = await killerOf(asker.server)?.userOf(asker.own, remainingMs());
    if (user === undefined) return failed('it is on another server');
    if (user === null) return failed('the monitor user cannot see who asks: grant PROCESS');
    // It may have ended, or its server, while this one waited.
    const named = numbers.find(command.session);
    if (named === null) return unknown(command);
    if (remainingMs() <= 0) return failed('no answer in time');
    const order = { ...command, session: named.own };
    const outcome = await killerOf(named.server)?.kill(order, user, remainingMs());
    switch (outcome) {
      case 'done':
        return null;
      case 'unknown':
        return unknown(command);
      case 'not-owner':
        return notOwner(command);
      default:
        return failed('it is on another server');
    }
  }

  async #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#atWork >= maxAtWork) {
      if (this.#waiting.length >= maxWaiting) throw new Error('too many at once');
      // Whoever ends gives its place on.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#atWork += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#atWork -= 1;
      else next();
    }
  }
}
