import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { ClientRequest, Protocol, ServerEvent } from '../engines/engine.ts';
import type { Abortable } from './dial.ts';

export type Answer = Exclude<ServerEvent, { kind: 'need-more' }>;

export type AskOutcome =
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** The connection broke or nothing came in time; the socket is destroyed. */
  | { readonly kind: 'failed'; readonly reason: 'timeout' | 'error'; readonly detail: string };

/**
 * Sends `request` to a connected, paused server (nothing, where the server speaks first) and waits for the first
 * answer, `timeoutMs` at most. `done` is called once; the socket is paused again by then, without listeners of this.
 */
export function ask(
  server: Socket,
  protocol: Protocol,
  request: ClientRequest | null,
  timeoutMs: number,
  clock: Clock,
  done: (outcome: AskOutcome) => void,
): Abortable {
  const opening = protocol.serverOpening(request);
  let settled = false;
  const settle = (outcome: AskOutcome | null) => {
    if (settled) return;
    settled = true;
    timer.cancel();
    server.off('data', onData).off('end', onEnd).off('error', onError).off('close', onEnd);
    server.pause();
    if (outcome?.kind !== 'answered') server.destroy();
    if (outcome !== null) done(outcome);
  };
  const fail = (reason: 'timeout' | 'error', detail: string) => settle({ kind: 'failed', reason, detail });
  const onData = (chunk: Buffer) => {
    const event = opening.push(chunk);
    if (event.kind !== 'need-more') settle({ kind: 'answered', answer: event });
  };
  const onEnd = () => fail('error', 'the server closed the connection without an answer');
  const onError = (error: Error) => fail('error', messageOf(error));
  const timer = clock.after(timeoutMs, () => fail('timeout', `no answer within ${Math.round(timeoutMs)} ms`));
  server.on('data', onData).on('end', onEnd).on('error', onError).on('close', onEnd);
  if (request !== null) server.write(request.bytes);
  server.resume();
  return { abort: () => settle(null) };
}
