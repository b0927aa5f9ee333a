import type { Socket } from 'node:net';
import { carrierOf } from './carrier.ts';

/**
 * Destroys a connection to a server at once with a TCP reset, so that what the kernel has not delivered yet is thrown
 * away. A plain close would go on delivering it: a COMMIT on its way to a frozen or cut-off former writer would be
 * carried out minutes after its epoch ended.
 *
 * Node's `resetAndDestroy()` waits for pending writes first, which a frozen server never takes; the flag that it sets
 * is what makes `destroy()` reset. Where the flag does not work, this is a plain close. After `end()` libuv refuses to
 * reset (`uv_tcp_close_reset`), so then it is a plain close too. Under TLS it is the connection below that is reset.
 */
export function abort(socket: Socket): void {
  const carrier = carrierOf(socket);
  if (!carrier.destroyed && !carrier.connecting && !carrier.writableEnded && !socket.writableEnded) {
    (carrier as { resetAndClosing?: boolean }).resetAndClosing = true;
  }
  socket.destroy();
}
