import type { Epoch, InstanceId } from '../base/brand.ts';
import type { Address } from '../cluster/instance.ts';
import type { ClusterView } from '../cluster/view.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import { member, type Tier } from '../endpoints/members.ts';
import type { ProxyProtocolVersion } from '../proxy-protocol/header.ts';

/** A server that was chosen for a session, and the evidence that it was chosen on. */
export interface Target {
  readonly instance: InstanceId;
  readonly address: Address;
  /** How it is told who its client is; undefined: not at all. */
  readonly sendProxyProtocol: ProxyProtocolVersion | undefined;
  readonly tier: Tier;
  readonly epoch: Epoch;
}

/**
 * Whether the choice would not be made again: evidence ages while a server is dialled, and a session must never start
 * on a server that has become something else meanwhile.
 */
export function isStale({ instance, tier, epoch }: Target, view: ClusterView, endpoint: Endpoint): boolean {
  const now = member(view, endpoint, instance);
  return view.epoch !== epoch || !now.serves || now.tier !== tier;
}

/** Names the writer in its epoch for the hold queue; null while there is none. */
export const writerTerm = (view: Pick<ClusterView, 'epoch' | 'writer'>): string | null =>
  view.writer === null ? null : `${view.epoch} ${view.writer}`;

/** However many candidates there are, each gets a fair chance to answer. */
const minAttemptMs = 1_000;

/**
 * How long one candidate may take of what is left for all: an equal share, so that a frozen one leaves time for the
 * others.
 */
export const attemptMs = (remainingMs: number, others: number): number =>
  Math.min(remainingMs, Math.max(minAttemptMs, remainingMs / (others + 1)));
