import type { InstanceId } from '../base/brand.ts';
import type { ProxyProtocolVersion } from '../proxy-protocol/header.ts';

/** Where a server listens: a host name or IP address, and a TCP port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** One database server of a cluster, as configured. */
export interface Instance {
  readonly id: InstanceId;
  /** Where Aurelay reaches it. */
  readonly address: Address;
  /** Where the other instances reach it, if that differs (NAT, containers). */
  readonly replicationAddress: Address | null;
  readonly zone: string | null;
  /** It is one of the copies of quorum durability: its receipt of a commit counts, and it may become the writer. */
  readonly copy: boolean;
  /** 0-15; the lowest is promoted first (Aurora's failover priority). */
  readonly promotionTier: number;
  /** Relative share of new connections under the `weighted` policy; 1 or more. */
  readonly weight: number;
  readonly tags: Readonly<Record<string, string>>;
  /** It is told with a PROXY header of this version who its client is; absent: it is not. */
  readonly sendProxyProtocol?: ProxyProtocolVersion;
  /** The REST API of its Patroni, which has to call it the leader before it counts as a writer; absent: nobody is asked. */
  readonly patroni?: Address;
}

export type Role = 'writer' | 'replica';

export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

export const sameAddress = (a: Address, b: Address): boolean =>
  a.port === b.port && a.host.toLowerCase() === b.host.toLowerCase();

/** Whether `address` is one that the other instances would use to reach `instance`. */
export const isReachedAt = (instance: Instance, address: Address): boolean =>
  sameAddress(instance.address, address) ||
  (instance.replicationAddress !== null && sameAddress(instance.replicationAddress, address));
