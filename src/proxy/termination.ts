import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Engine, Exchange, ExchangeTerms, Protocol } from '../engines/engine.ts';
import type { TlsClient } from '../tls/tls-client.ts';
import type { TlsIdentity } from '../tls/tls-identity.ts';
import { carriedBy } from './carrier.ts';
import type { Abortable } from './dial.ts';

/** How an endpoint ends the TLS of its clients, and speaks to servers on their behalf. */
export interface Termination {
  /** Clients without TLS are refused. */
  readonly isRequired: boolean;
  readonly identity: Pick<TlsIdentity, 'context' | 'certificate'>;
  readonly servers: TlsClient;
  /** Before a server is asked for a session; null where TLS begins later, within the login. */
  readonly encryptServer: NonNullable<Engine['encrypt']> | null;
}

/** What has to be seen to while a client of an endpoint that ends TLS logs in on `server`; null: nothing. */
export function exchangeFor(
  { isRequired, identity, servers }: Termination,
  protocol: Protocol,
  client: Socket,
  server: Socket,
): Exchange | null {
  const certificate = server instanceof TLSSocket ? server.getPeerX509Certificate() : undefined;
  const terms: ExchangeTerms = {
    encrypted: { client: client instanceof TLSSocket, server: server instanceof TLSSocket },
    sameCertificate: certificate?.raw.equals(identity.certificate) ?? false,
    clientTlsRequired: isRequired,
    serverTls: servers.mode === 'disable' ? 'never' : servers.isRequired ? 'always' : 'if-offered',
  };
  return protocol.exchange?.(terms) ?? null;
}

export type EncryptOutcome =
  /** With TLS or, where the mode allows it and the server has none, as it was. */
  | { readonly kind: 'ready'; readonly socket: Socket }
  | { readonly kind: 'failed'; readonly reason: 'timeout' | 'error'; readonly detail: string };

/** Begins TLS with a connected, paused server, within `timeoutMs`. `done` is called once; a socket that failed is destroyed. */
export function encryptServer(
  socket: Socket,
  encrypt: NonNullable<Engine['encrypt']>,
  servers: TlsClient,
  host: string,
  timeoutMs: number,
  clock: Clock,
  done: (outcome: EncryptOutcome) => void,
): Abortable {
  const abort = new AbortController();
  let settled = false;
  const settle = (outcome: EncryptOutcome | null) => {
    if (settled) return;
    settled = true;
    timer.cancel();
    if (outcome?.kind !== 'ready') abort.abort();
    if (outcome !== null) done(outcome);
  };
  const timer = clock.after(timeoutMs, () =>
    settle({ kind: 'failed', reason: 'timeout', detail: `no TLS within ${Math.round(timeoutMs)} ms` }),
  );
  encrypt(socket, servers, host, abort.signal).then(
    (upgrade) => {
      const encrypted = upgrade.kind === 'secured' ? carriedBy(upgrade.socket, socket).pause() : socket;
      if (settled) encrypted.destroy();
      settle({ kind: 'ready', socket: encrypted });
    },
    (error) => settle({ kind: 'failed', reason: 'error', detail: messageOf(error) }),
  );
  return { abort: () => settle(null) };
}
