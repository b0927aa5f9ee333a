import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { acceptTls } from '../tls/accept-tls.ts';

/** A certificate and its key as they are now: asked anew for each connection, so that new files need no new listener. */
export interface AdminIdentity {
  readonly context: SecureContext;
}

export interface TlsDoor {
  /** What listens. */
  readonly server: Server;
  /** Ends the connections whose handshake is not done; `http` knows of the others. */
  closeUnsettled(): void;
}

/** Lets those in to `http` who speak TLS, within `handshakeMs`, and nobody else. */
export function tlsDoor(http: HttpServer, identity: AdminIdentity, handshakeMs: number): TlsDoor {
  const unsettled = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    unsettled.add(socket);
    const secure = acceptTls(socket, { context: identity.context, alpn: 'http/1.1' });
    const late = setTimeout(() => socket.destroy(), handshakeMs);
    const settled = (): void => {
      clearTimeout(late);
      unsettled.delete(socket);
    };
    socket.on('close', settled);
    socket.on('error', () => secure.destroy());
    // Strangers' handshakes fail all the time; there is nobody to tell.
    secure.on('error', () => socket.destroy());
    secure.once('secure', () => {
      settled();
      http.emit('connection', secure);
    });
  });
  server.maxConnections = http.maxConnections;
  // What makes an HTTP server watch its connections' deadlines, which it otherwise does only where it listens itself.
  server.on('listening', () => http.emit('listening'));
  return {
    server,
    closeUnsettled: () => {
      for (const socket of unsettled) socket.destroy();
    },
  };
}
