import type { Socket } from 'node:net';
import { type Prng, randomIndex } from '../../../src/base/prng.ts';
import { WickedServer } from '../../abuse/support/wicked-server.ts';

/** What a server says: each piece after it was spoken to again, the first of all where it `speaksFirst`. */
export interface Script {
  readonly pieces: readonly Uint8Array[];
  readonly speaksFirst: boolean;
  /** What it does when it has no more to say. */
  readonly ending: 'end' | 'reset' | 'silence';
}

/** A server that means no good: it plays a script to each connection, whoever it is. */
export const startEvilServer = (next: () => Script, prng: Prng): Promise<WickedServer> =>
  WickedServer.start((socket) => play(socket, next(), prng));

function play(socket: Socket, { pieces, speaksFirst, ending }: Script, prng: Prng): void {
  let next = 0;
  const speak = (): void => {
    const piece = pieces[next];
    next += 1;
    if (piece !== undefined) {
      const cut = randomIndex(prng, piece.length + 1);
      socket.write(piece.subarray(0, cut));
      if (cut < piece.length) setImmediate(() => socket.writable && socket.write(piece.subarray(cut)));
    }
    if (next < pieces.length || ending === 'silence') return;
    setImmediate(() => (ending === 'end' ? socket.end() : socket.resetAndDestroy()));
  };
  socket.on('data', speak);
  if (speaksFirst) speak();
}
