import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';

/** Stops a peer that crawls along, however often it shows a little progress. */
const maxGraces = 10;

/**
 * Sends what was written and the end of the stream, and destroys the socket when its peer takes nothing of it, or does
 * not close in turn, for `graceMs`. The caller keeps an `error` listener on the socket.
 */
export function endWithin(socket: Socket, clock: Clock, graceMs: number): void {
  if (socket.destroyed) return;
  let graces = 0;
  let taken = takenBy(socket);
  const check = () => {
    graces += 1;
    const now = takenBy(socket);
    if (now === taken || graces >= maxGraces) return void socket.destroy();
    taken = now;
    timer = clock.after(graceMs, check);
  };
  let timer = clock.after(graceMs, check);
  socket.once('close', () => timer.cancel());
  if (!socket.writableEnded) socket.end();
}

/**
 * The last words to a peer that will not be listened to any more: like `endWithin`, and throws away what the peer still
 * says. Closing over unread bytes would reset the connection, and could take the last words with it; but a peer that says
 * more than `maxUnheardBytes` is in the middle of something that nobody waits for, and is cut off.
 */
export function linger(
  socket: Socket,
  clock: Clock,
  graceMs: number,
  maxUnheardBytes = Number.POSITIVE_INFINITY,
): void {
  if (socket.destroyed) return;
  let unheard = 0;
  socket.on('data', (chunk: Buffer) => {
    unheard += chunk.length;
    if (unheard > maxUnheardBytes) socket.destroy();
  });
  socket.resume();
  endWithin(socket, clock, graceMs);
}

const takenBy = (socket: Socket): number => socket.bytesWritten - socket.writableLength;

/** For `data` that nobody wants, and for `error` events that `close` follows anyway. */
export const ignore = (): void => {};
