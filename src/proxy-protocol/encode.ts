import type { ProxyHeader, ProxyProtocolVersion } from './header.ts';
import { encodeV1 } from './v1.ts';
import { encodeV2 } from './v2.ts';

/** The bytes to send before anything else. */
export const encodeHeader = (version: ProxyProtocolVersion, header: ProxyHeader): Uint8Array =>
  version === 'v1' ? encodeV1(header) : encodeV2(header);

/** For a connection that is Aurelay's own (a probe, a promotion, a cancel request); null where no header is sent. */
export const ownHeader = (version: ProxyProtocolVersion | undefined): Uint8Array | null =>
  version === undefined ? null : encodeHeader(version, { kind: 'local' });
