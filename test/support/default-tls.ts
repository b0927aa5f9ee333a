import { createSecureContext } from 'node:tls';
import { defaultServerTls } from '../../src/config/tls.ts';
import { TlsClient } from '../../src/tls/tls-client.ts';

const context = createSecureContext();

/** As an instance is spoken to where the configuration says nothing of TLS. */
export const defaultTls = new TlsClient(defaultServerTls, () => ({ context }));
