import { availableParallelism } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import { loadNativeAddon } from './native-addon.ts';
import { createNativeRelay } from './native-relay.ts';
import type { Relay } from './relay.ts';
import { createStreamRelay } from './stream-relay.ts';

/** The values are labels of metrics: add, never rename. */
export type RelayKind = 'native' | 'stream';

export interface ChosenRelay {
  readonly relay: Relay;
  readonly kind: RelayKind;
  /** For the log: what carries, and why not the other. */
  readonly detail: string;
}

/** The relay that was asked for is not to be had, or there is none of that name. The message says what to do. */
export class NoSuchRelay extends Error {
  override readonly name = 'NoSuchRelay';
}

/** More than this is of no use to anybody who does not ask for it. */
const defaultThreads = 4;
const maxThreads = 64;

/**
 * The relay to use: native where it was built, else Node's streams; `AURELAY_RELAY=native|stream` forces one, and
 * `AURELAY_RELAY_THREADS` sets how many threads the native one may have (default: one a core, 4 at most). Node offers no
 * way to set `userTimeoutMs`: streams do without.
 */
export function createRelay(clock: Clock, env: Readonly<NodeJS.ProcessEnv>, userTimeoutMs = 0): ChosenRelay {
  const wanted = env.AURELAY_RELAY ?? '';
  if (wanted !== '' && wanted !== 'native' && wanted !== 'stream') {
    throw new NoSuchRelay(`AURELAY_RELAY is "${wanted}": set it to native or stream, or not at all`);
  }
  const streams = (detail: string): ChosenRelay => ({
    relay: createStreamRelay(clock),
    kind: 'stream',
    detail,
  });
  if (wanted === 'stream') return streams("Node's streams carry the bytes, as AURELAY_RELAY asks");
  const addon = loadNativeAddon();
  if (typeof addon === 'string') {
    if (wanted === 'native') throw new NoSuchRelay(`AURELAY_RELAY asks for the native relay, but ${addon}`);
    return streams(`Node's streams carry the bytes; the native relay is not there: ${addon}`);
  }
  const threads = threadCount(env.AURELAY_RELAY_THREADS ?? '');
  const relay = createNativeRelay({ addon, threads, clock, userTimeoutMs });
  return { relay, kind: 'native', detail: `native code carries the bytes, on up to ${threads} threads` };
}

/** What would carry, without beginning to. */
export function relayToUse(env: Readonly<NodeJS.ProcessEnv>): RelayKind {
  if (env.AURELAY_RELAY === 'stream' || typeof loadNativeAddon() === 'string') return 'stream';
  return 'native';
}

function threadCount(text: string): number {
  if (text === '') return Math.min(defaultThreads, availableParallelism());
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= maxThreads) return count;
  throw new NoSuchRelay(
    `AURELAY_RELAY_THREADS is "${text}": set it to a whole number from 1 to ${maxThreads}, or not at all`,
  );
}
