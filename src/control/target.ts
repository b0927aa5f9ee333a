import type { Instance } from '../cluster/instance.ts';
import type { ClusterConfig } from '../config/config.ts';
import type { Target } from '../engines/engine.ts';
import { ownHeader } from '../proxy-protocol/encode.ts';

/** The monitor user's way to `instance`. */
export function targetOf(instance: Instance, { monitor }: ClusterConfig): Target {
  const preamble = ownHeader(instance.sendProxyProtocol);
  const { id, address } = instance;
  return { instance: id, address, ...monitor, ...(preamble === null ? {} : { preamble }) };
}
