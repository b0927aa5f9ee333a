import { createStreamRelay } from '../../src/proxy/relay/stream-relay.ts';
import { certificateMissing } from '../support/certificate.ts';
import { relayConformance } from './relay-conformance.ts';
import { realClock } from './support/real-clock.ts';
import { tlsOnBothSides } from './support/tls-pair.ts';

if (certificateMissing() === false) {
  relayConformance('Node streams, TLS on both sides', () => createStreamRelay(realClock), tlsOnBothSides);
}
