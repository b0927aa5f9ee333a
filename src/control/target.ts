import type { Instance } from '../cluster/instance.ts';
import type { ClusterConfig } from '../config/config.ts';
import type { Target } from '../engines/engine.ts';
import { ownHeader } from '../proxy-protocol/encode.ts';
import type { TlsClient } from '../tls/tls-client.ts';

/** The monitor user's way to `instance`. */
export function targetOf(instance: Instance, { monitor }: ClusterConfig, tls: TlsClient): Target {
  const preamble = ownHeader(instance.sendProxyProtocol);
  const { id, address } = instance;
  return { instance: id, address, tls, ...monitor, ...(preamble === null ? {} : { preamble }) };
}
