import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Of Node's inside, all that is needed here. `fd` is -1 where the handle is closed. */
interface InnerSocket {
  readonly _handle?: { readonly fd?: number } | null;
}

export interface Handover {
  /** Null: the socket cannot be handed over. It still works. */
  readonly fd: number | null;
  /** `before`, and then what the socket had read and not given to anybody. */
  readonly unread: Uint8Array | null;
}

/**
 * Gets a paused socket ready for somebody else to read: all that Node has read of it comes along, and the next byte of
 * the connection is the kernel's. That holds until the event loop goes round again, because libuv reads only there;
 * the caller has to let go of the socket before that.
 *
 * A socket with TLS shows the descriptor below it, which carries what only it can read: it is never handed over. A socket
 * with bytes that the kernel has not taken yet cannot be handed over, nor one that is half closed by us, or
 * broken: an error that Node has seen already would not be seen a second time.
 */
export function takeDescriptor(socket: Socket, before: Uint8Array | null): Handover {
  const fd = socket instanceof TLSSocket ? -1 : ((socket as unknown as InnerSocket)._handle?.fd ?? -1);
  if (fd < 0 || socket.destroyed || socket.writableEnded || socket.writableLength > 0) {
    return { fd: null, unread: before };
  }
  const chunks: Uint8Array[] = before === null ? [] : [before];
  for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk);
  if (chunks.length === 0) return { fd, unread: null };
  return { fd, unread: chunks.length === 1 ? (chunks[0] ?? null) : Buffer.concat(chunks) };
}
