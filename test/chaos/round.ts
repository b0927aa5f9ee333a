import { type Prng, randomIndex } from '../../src/base/prng.ts';
import type { Direction } from './cut-relay.ts';

export const chaosFaults = [
  'kill the server',
  'kill the server and start it at once',
  'kill the server and start it later',
  'freeze',
  'cut off',
  'cut off from Aurelay only',
  'cut off from its replicas only',
  'cut off one way',
  'slots exhausted',
  'ordinary slots taken',
  'disk filled',
  'kill Aurelay',
  'switchover',
] as const;
export type ChaosFault = (typeof chaosFaults)[number];

/** One fault, drawn before anything of it happens, so that a seed gives the same run on any machine. */
export interface Round {
  readonly fault: ChaosFault;
  /** Whether it hits the writer or a replica. */
  readonly onWriter: boolean;
  readonly pauseMs: number;
  /** How long the fault lasts, where that is for us to say. */
  readonly lastsMs: number;
  /** When Aurelay is killed (and started again) in the middle of it; null: not. */
  readonly aurelayDiesAfterMs: number | null;
  readonly direction: Direction;
  /** While slots are taken or a disk is full: somebody asks for a switchover, too. */
  readonly switchesOver: boolean;
  /** PostgreSQL, while a disk is full: more is written than the log has room for. */
  readonly logOverflows: boolean;
}

export function drawRound(prng: Prng): Round {
  const fault = chaosFaults[randomIndex(prng, chaosFaults.length)] ?? 'kill the server';
  const onWriter = prng.next() < 0.75;
  const pauseMs = 300 + randomIndex(prng, 2_000);
  const lastsMs = 200 + randomIndex(prng, 7_000);
  const dies = prng.next() < 0.25;
  const afterMs = randomIndex(prng, 4_000);
  const direction = prng.next() < 0.5 ? 'to-server' : 'to-client';
  const aurelayDiesAfterMs = dies ? afterMs : null;
  const [switchesOver, logOverflows] = [prng.next() < 0.5, prng.next() < 0.5];
  return { fault, onWriter, pauseMs, lastsMs, aurelayDiesAfterMs, direction, switchesOver, logOverflows };
}

/** What a fault has to say of how it went. */
export interface Remark {
  readonly what: string;
  /** Promises that were broken meanwhile. */
  readonly violations: readonly string[];
}
