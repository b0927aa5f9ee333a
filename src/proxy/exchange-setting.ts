import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import { messageOf } from '../base/errors.ts';
import { carriedBy, encryptClient } from './carrier.ts';
import type { EndpointContext } from './endpoint-context.ts';
import type { ExchangeSetting } from './exchange-relay.ts';
import type { ServerSide } from './server-side.ts';
import { exchangeFor } from './termination.ts';

/** What has to be seen to before a session between `client` and `server` can be carried; null: nothing. */
export function exchangeSetting(
  { clock, endpoint, protocol, relay, termination }: EndpointContext,
  client: Socket,
  { socket: server, target }: ServerSide,
  calls: Pick<ExchangeSetting, 'onClientTlsFailed' | 'onRefusal'>,
): ExchangeSetting | null {
  if (termination === null || server === null) return null;
  const exchange = exchangeFor(termination, protocol, client, server);
  if (exchange === null) return null;
  const { identity, servers } = termination;
  const { host } = target.address;
  return {
    exchange,
    relay,
    clock,
    timeoutMs: protocol.speaksFirst === 'server' ? endpoint.handshakeTimeoutMs : null,
    encryptClient: (socket, received) =>
      encryptClient(socket, { context: identity.context, alpn: protocol.alpn }, received),
    encryptServer: (socket) => carriedBy(connect({ ...servers.connectionOptions(host), socket }), socket),
    explain: (error) => messageOf(servers.explain(error, host)),
    ...calls,
  };
}
