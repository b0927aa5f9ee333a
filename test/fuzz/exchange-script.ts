import { unreachable } from '../../src/base/assert.ts';
import type { Exchange, ExchangeStep } from '../../src/engines/engine.ts';
import { hex, joined } from './bytes.ts';
import { cutsOf } from './cuts.ts';
import { promise } from './target.ts';

export type Side = 'client' | 'server';

/** What one side says before the other has its turn. */
export interface Turn {
  readonly side: Side;
  readonly bytes: Uint8Array;
}

/** A length of this stands for the rest of the input. */
const toTheEnd = 127;

/** An input as turns: each has a byte with the side (1: the server) and the length, and then what is said. */
export function turnsOf(input: Uint8Array): readonly Turn[] {
  const turns: Turn[] = [];
  for (let at = 0; at < input.length; ) {
    const head = input[at] ?? 0;
    const length = head >> 1 === toTheEnd ? input.length : head >> 1;
    turns.push({ side: head & 1 ? 'server' : 'client', bytes: input.subarray(at + 1, at + 1 + length) });
    at += 1 + length;
  }
  return turns;
}

/** The input whose turns are `turns`; one of more than 126 bytes has to be the last. */
export const scriptOf = (...turns: readonly Turn[]): Uint8Array =>
  joined(
    ...turns.flatMap(({ side, bytes }) => [
      Uint8Array.of((Math.min(bytes.length, toTheEnd) << 1) | (side === 'server' ? 1 : 0)),
      bytes,
    ]),
  );

/** What became of an exchange. */
export interface Course {
  readonly toClient: Uint8Array;
  readonly toServer: Uint8Array;
  /** What each side said that belongs to its TLS. */
  readonly inTls: Readonly<Record<Side, Uint8Array>>;
  readonly said: Readonly<Record<Side, number>>;
  /** `open`, `done`, or why it was refused. */
  readonly end: string;
}

/** A side that says more than this without an answer is cut off by the relay. */
export const mostKeptBytes = 1024 * 1024;

/**
 * Plays `turns` in `make()`'s exchange, whole and cut, and promises that nothing hangs on the cuts: each side is sent the
 * same bytes, and it ends alike. TLS stands as soon as the turn is over in which it was asked for.
 */
export function play(make: () => Exchange, greeting: Uint8Array, turns: readonly Turn[]): Course {
  const cuts = turns.map(({ bytes }) => cutsOf(bytes));
  const ways = Math.max(1, ...cuts.map((ways) => ways.length));
  const courses = Array.from({ length: ways }, (_, way) =>
    playOne(
      make(),
      greeting,
      turns.map(({ side }, at) => ({ side, chunks: cuts[at]?.[way] ?? cuts[at]?.[0] ?? [] })),
    ),
  );
  const [whole, ...others] = courses as [Course, ...Course[]];
  for (const other of others) {
    promise(isAlike(other, whole), `cut: ${inWords(other)}, whole: ${inWords(whole)}`);
  }
  return whole;
}

/** What came in the same piece behind the cause of a refusal may have been passed on, or not. */
function isAlike(one: Course, other: Course): boolean {
  if (one.end === 'open' || one.end === 'done') return inWords(one) === inWords(other);
  const length = Math.min(one.toClient.length, other.toClient.length);
  const cut = ({ toClient, toServer, inTls, end }: Course) =>
    inWords({ toClient: toClient.subarray(0, length), toServer, inTls, end });
  return cut(one) === cut(other);
}

const inWords = ({ toClient, toServer, inTls, end }: Omit<Course, 'said'>): string =>
  `${end}, client ${hex(toClient)}, server ${hex(toServer)}, TLS ${hex(inTls.client)} ${hex(inTls.server)}`;

interface CutTurn {
  readonly side: Side;
  readonly chunks: readonly Uint8Array[];
}

function playOne(exchange: Exchange, greeting: Uint8Array, turns: readonly CutTurn[]): Course {
  const course = new Recorder();
  course.take(exchange.begin(greeting));
  for (const { side, chunks } of turns) {
    for (const chunk of chunks) {
      course.said[side] += chunk.length;
      // As the relay does: from there on the side's TLS reads its socket, and behind the end the relay.
      if (course.end === 'done') course.pass(side, chunk);
      else if (course.encrypting.has(side)) course.inTls[side] = joined(course.inTls[side], chunk);
      else if (course.end === 'open') {
        course.take(side === 'client' ? exchange.fromClient(chunk) : exchange.fromServer(chunk));
      }
    }
    for (const encrypting of [...course.encrypting]) {
      course.encrypting.delete(encrypting);
      course.take(exchange.encrypted(encrypting));
    }
  }
  if (course.end !== 'open') {
    const more = Uint8Array.of(1);
    const steps = [...exchange.fromClient(more), ...exchange.fromServer(more)];
    promise(steps.length === 0, 'an exchange that is over has nothing to say');
  }
  return course;
}

class Recorder implements Course {
  toClient: Uint8Array = new Uint8Array(0);
  toServer: Uint8Array = new Uint8Array(0);
  readonly inTls: Record<Side, Uint8Array> = { client: new Uint8Array(0), server: new Uint8Array(0) };
  readonly said: Record<Side, number> = { client: 0, server: 0 };
  readonly encrypting = new Set<Side>();
  end = 'open';

  /** What goes its way without being looked at. */
  pass(side: Side, chunk: Uint8Array): void {
    if (side === 'client') this.toServer = joined(this.toServer, chunk);
    else this.toClient = joined(this.toClient, chunk);
  }

  take(steps: readonly ExchangeStep[]): void {
    for (const step of steps) {
      promise(this.end === 'open', `${step.kind} behind the end`);
      switch (step.kind) {
        case 'to-client':
          promise(
            !this.encrypting.has('client'),
            'the client is told something in clear while its TLS begins',
          );
          this.toClient = joined(this.toClient, step.bytes);
          break;
        case 'to-server':
          promise(
            !this.encrypting.has('server'),
            'the server is told something in clear while its TLS begins',
          );
          this.toServer = joined(this.toServer, step.bytes);
          break;
        case 'encrypt':
          this.encrypting.add(step.side);
          this.inTls[step.side] = joined(this.inTls[step.side], step.received);
          break;
        case 'refuse':
          this.end = `refused: ${step.code} ${JSON.stringify(step.details)}`;
          break;
        case 'done':
          this.end = 'done';
          break;
        default:
          unreachable(step);
      }
    }
  }
}
