import { createSecureContext, type SecureContext, connect as tlsConnect } from 'node:tls';
import { carriedBy, carrierOf, encryptClient } from '../../../src/proxy/carrier.ts';
import { makeCertificate } from '../../support/certificate.ts';
import type { Connections } from '../relay-conformance.ts';
import { openPair, type Pair, Peer } from './peer.ts';

let context: Promise<SecureContext> | null = null;

function contextOfTests(): Promise<SecureContext> {
  context ??= makeCertificate({ after: () => {} }).then(({ certificate, key }) =>
    createSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' }),
  );
  return context;
}

const none = new Uint8Array(0);

/** As `openPair`, in TLS: `near` is the side that ends a client's TLS, or that began TLS with a server. */
async function openTlsPair(nearIs: 'client' | 'server'): Promise<Pair> {
  const secureContext = await contextOfTests();
  const { near, far } = await openPair();
  far.socket.removeAllListeners();
  far.socket.pause();
  const [listening, calling] = nearIs === 'server' ? [near, far.socket] : [far.socket, near];
  const server = encryptClient(listening, { context: secureContext, alpn: undefined }, none);
  const client = carriedBy(tlsConnect({ socket: calling, rejectUnauthorized: false }), calling);
  await Promise.all([
    new Promise((resolve) => server.once('secure', resolve)),
    new Promise((resolve) => client.once('secureConnect', resolve)),
  ]);
  const [encryptedNear, encryptedFar] = nearIs === 'server' ? [server, client] : [client, server];
  if (carrierOf(encryptedFar) !== far.socket) throw new Error('a peer knows what carries it');
  return { near: encryptedNear.pause(), far: new Peer(encryptedFar) };
}

export const tlsOnBothSides: Connections = {
  client: () => openTlsPair('server'),
  server: () => openTlsPair('client'),
};
export const tlsToClientsOnly: Connections = { client: () => openTlsPair('server'), server: openPair };
