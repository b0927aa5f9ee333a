import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { HeaderDecoder } from '../../proxy-protocol/decoder.ts';
import type { ProxyHeader } from '../../proxy-protocol/header.ts';
import type { Abortable } from '../dial.ts';

export type HeaderOutcome =
  | { readonly kind: 'header'; readonly header: ProxyHeader }
  /** What came is no header. */
  | { readonly kind: 'malformed'; readonly why: string }
  | { readonly kind: 'timeout' }
  /** The connection was closed before there was a whole one. */
  | { readonly kind: 'gone' };

/**
 * Reads the PROXY header that a paused connection begins with, within `timeoutMs`. `done` is called once; the socket is
 * paused again by then, without listeners of this, and what came behind the header, or in its place, is unread again.
 */
export function readHeader(
  socket: Socket,
  timeoutMs: number,
  clock: Clock,
  done: (outcome: HeaderOutcome) => void,
): Abortable {
  const decoder = new HeaderDecoder();
  let settled = false;
  const settle = (outcome: HeaderOutcome | null, unread: Uint8Array) => {
    if (settled) return;
    settled = true;
    timer.cancel();
    socket.off('data', onData).off('end', onGone).off('close', onGone).pause();
    if (unread.length > 0 && !socket.destroyed) socket.unshift(unread);
    if (outcome !== null) done(outcome);
  };
  const onData = (chunk: Buffer) => {
    const event = decoder.push(chunk);
    if (event.kind === 'header') {
      settle({ kind: 'header', header: event.header }, decoder.bytes.subarray(event.length));
    }
    if (event.kind === 'malformed') settle({ kind: 'malformed', why: event.why }, decoder.bytes);
  };
  const onGone = () => settle({ kind: 'gone' }, nothing);
  const timer = clock.after(timeoutMs, () => settle({ kind: 'timeout' }, nothing));
  socket.on('data', onData).on('end', onGone).on('close', onGone);
  socket.resume();
  return { abort: () => settle(null, nothing) };
}

const nothing = new Uint8Array(0);
