import type { Socket } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { serialize } from 'pg-protocol';
import type { TlsClient } from '../../tls/tls-client.ts';
import type { ServerEvent } from '../engine.ts';
import { AnswerBroken } from './failure.ts';
import { AnswerOpening } from './messages.ts';

export type Upgrade =
  | { readonly kind: 'secured'; readonly socket: TLSSocket }
  /** No TLS, which the mode allows: go on with the socket as it is. It is paused. */
  | { readonly kind: 'plain' };

/**
 * Asks a PostgreSQL server for TLS on a connected socket on which nothing was said yet, and does the handshake
 * (protocol, "SSL Session Encryption"). `host` is that of the server's address.
 *
 * Rejects with a `TlsFailed` (text and remedy), an `AnswerBroken` (the server answered with an error, or with something
 * else), or the connection's error; the socket is destroyed then. There is no deadline here: at yours, abort `signal`.
 * Both sockets keep a listener to `error`, so that add your own to hear of one.
 */
export async function upgradeToTls(
  socket: Socket,
  tls: TlsClient,
  host: string,
  signal?: AbortSignal,
): Promise<Upgrade> {
  if (tls.mode === 'disable') return { kind: 'plain' };
  socket.on('error', ignore);
  const onAbort = (): void => void socket.destroy();
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted) onAbort();
  try {
    if (await isAccepted(socket))
      return { kind: 'secured', socket: await handshake(socket, tls, host, signal) };
    if (tls.isRequired) throw tls.declined();
    return { kind: 'plain' };
  } catch (error) {
    socket.destroy();
    throw tls.explain(error, host);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

const ignore = (): void => {};

/** The server's one byte. */
function isAccepted(socket: Socket): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const opening = new AnswerOpening('tls');
    const settle = (end: () => void): void => {
      socket.pause().off('data', onData).off('error', onError).off('close', onClose);
      end();
    };
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void => settle(() => reject(closedEarly()));
    const onData = (chunk: Buffer): void => {
      try {
        const accepted = answerOf(opening.push(chunk));
        if (accepted !== null) settle(() => resolve(accepted));
      } catch (error) {
        settle(() => reject(error));
      }
    };
    if (socket.destroyed) return reject(closedEarly());
    socket.on('data', onData).on('error', onError).on('close', onClose).resume();
    socket.write(serialize.requestSsl());
  });
}

/** Null where it is not all there yet. */
function answerOf(event: ServerEvent): boolean | null {
  switch (event.kind) {
    case 'need-more':
      return null;
    case 'refused':
      throw new AnswerBroken(event.message, event.code);
    case 'malformed':
      throw new AnswerBroken(event.why, null);
    default:
      // What came in plain behind the answer did not come from the server that TLS is about to prove.
      if (event.bytes.length === 1) return event.kind === 'accepted';
      throw new AnswerBroken('it sent more than its answer to an encryption request', null);
  }
}

function handshake(socket: Socket, tls: TlsClient, host: string, signal?: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    // Servers before 17 take no notice of ALPN; newer ones insist that it is theirs where it is there.
    const secured = tlsConnect({ ...tls.connectionOptions(host), ALPNProtocols: ['postgresql'], socket });
    const settle = (end: () => void): void => {
      secured.off('secureConnect', onSecure).off('error', onError).off('close', onClose);
      signal?.removeEventListener('abort', onAbort);
      end();
    };
    const onSecure = (): void => settle(() => resolve(secured));
    const onError = (error: Error): void => {
      settle(() => reject(error));
      secured.destroy();
    };
    const onClose = (): void => onError(closedEarly());
    const onAbort = (): void => onError(closedEarly());
    secured.on('error', ignore);
    secured.on('secureConnect', onSecure).on('error', onError).on('close', onClose);
    signal?.addEventListener('abort', onAbort);
  });
}

/** The words of `pg`, by which `classify` knows it. */
const closedEarly = (): Error => new Error('Connection terminated before an answer');
