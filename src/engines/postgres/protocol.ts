import { assert } from '../../base/assert.ts';
import type { Protocol } from '../engine.ts';
import { ClientHelloReader } from './client-hello.ts';
import {
  AnswerOpening,
  acceptUpgrade,
  declineUpgrade,
  grantUpgrade,
  refusal,
  tlsRequest,
} from './messages.ts';
import { namedEndpoint } from './named-endpoint.ts';
import { saslExchange } from './sasl-exchange.ts';
import { StartupOpening } from './startup.ts';

/** The start of PostgreSQL's protocol, versions 3.0 and 3.2. */
export const postgresProtocol: Protocol = {
  speaksFirst: 'client',
  clientOpening: () => new StartupOpening(),
  serverOpening(request) {
    assert(request !== null, 'a PostgreSQL server is asked before it answers');
    return new AnswerOpening(request.kind);
  },
  refusal,
  decline: declineUpgrade,
  grant: grantUpgrade,
  alpn: 'postgresql',
  exchange: saslExchange,
  naming: {
    promise: acceptUpgrade,
    promised: { kind: 'promised-tls', bytes: tlsRequest },
    hello: () => new ClientHelloReader(),
    endpointOf: namedEndpoint,
  },
};
