import { describe } from 'node:test';
import { createNativeRelay } from '../../src/proxy/relay/native-relay.ts';
import type { Relay } from '../../src/proxy/relay/relay.ts';
import { relayConformance } from './relay-conformance.ts';
import { builtAddon, nativeMissing } from './support/built-addon.ts';
import { realClock } from './support/real-clock.ts';

if (nativeMissing === false) {
  let relay: Relay | null = null;
  relayConformance('native', () => {
    relay ??= createNativeRelay({ addon: builtAddon(), threads: 2, clock: realClock });
    return relay;
  });
} else describe('native relay', { skip: nativeMissing }, () => {});
