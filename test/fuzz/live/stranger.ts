import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type Prng, randomIndex } from '../../../src/base/prng.ts';

/** `end` says that it has nothing more to say · `reset` · `wait` until the other side has had enough. */
export type Manner = 'end' | 'reset' | 'wait';

export interface Visit {
  readonly port: number;
  readonly bytes: Uint8Array;
  readonly manner: Manner;
  readonly prng: Prng;
  /** After so long a connection on which nothing was agreed has to be over. */
  readonly deadlineMs: number;
  /** Whether, by what it has said, the other side may keep the connection as long as we do. */
  readonly isServed: (heard: string) => boolean;
}

/** How long a stranger listens before it goes, where it does not wait. */
const listensMs = 30;

/** Sends bytes in a few pieces; resolves to what was wrong, or null. */
export function visit({ port, bytes, manner, prng, deadlineMs, isServed }: Visit): Promise<string | null> {
  return new Promise((resolve) => {
    const from = performance.now();
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    let heard = '';
    let refused = false;
    const deadline = setTimeout(() => {
      resolve(
        `still open after ${Math.round(performance.now() - from)} ms, having said "${heard.slice(0, 80)}"`,
      );
      socket.destroy();
    }, deadlineMs);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      refused = error.code === 'ECONNREFUSED';
    });
    socket.on('data', (chunk) => {
      if (heard.length < 4_096) heard += chunk.toString('latin1');
      if (isServed(heard)) socket.destroy();
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      clearTimeout(deadline);
      resolve(refused ? 'the connection was refused' : null);
    });
    socket.on('connect', () => void say(socket, bytes, prng, () => leave(socket, manner)));
  });
}

type Speaker = ReturnType<typeof connect>;

async function say(socket: Speaker, bytes: Uint8Array, prng: Prng, done: () => void): Promise<void> {
  const pieces = 1 + randomIndex(prng, 4);
  for (let at = 0, left = pieces; at < bytes.length; left--) {
    const length = left <= 1 ? bytes.length - at : 1 + randomIndex(prng, bytes.length - at);
    if (socket.destroyed || !socket.writable) return;
    socket.write(bytes.subarray(at, at + length));
    at += length;
    if (left > 1) await new Promise((resolve) => setTimeout(resolve, randomIndex(prng, 8)));
  }
  done();
}

function leave(socket: Speaker, manner: Manner): void {
  if (manner === 'wait' || socket.destroyed) return;
  if (manner === 'end') socket.end();
  else setTimeout(() => socket.resetAndDestroy(), listensMs);
}
