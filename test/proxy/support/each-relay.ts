import { createNativeRelay } from '../../../src/proxy/relay/native-relay.ts';
import type { Relay } from '../../../src/proxy/relay/relay.ts';
import { createStreamRelay } from '../../../src/proxy/relay/stream-relay.ts';
import { builtAddon, nativeMissing } from './built-addon.ts';
import { realClock } from './real-clock.ts';

export interface RelayUnderTest {
  readonly name: string;
  /** For `it(…, { skip }, …)`. */
  readonly skip: false | string;
  create(): Relay;
}

/** What may carry the sessions of a proxy. */
export const eachRelay: readonly RelayUnderTest[] = [
  { name: "Node's streams", skip: false, create: () => createStreamRelay(realClock) },
  {
    name: 'the native relay',
    skip: nativeMissing,
    create: () => createNativeRelay({ addon: builtAddon(), threads: 2, clock: realClock }),
  },
];
