import type { InstanceId } from '../base/brand.ts';
import type { Instant } from '../base/clock.ts';
import type { Prng } from '../base/prng.ts';
import type { ClusterView } from '../cluster/view.ts';
import type { BalanceName, Endpoint } from './endpoint.ts';
import { type Member, members, type Tier } from './members.ts';
import { leastConnections } from './policies/least-connections.ts';
import { type Candidate, forget, type Policy, type PolicyState } from './policies/policy.ts';
import { random } from './policies/random.ts';
import { roundRobin } from './policies/round-robin.ts';
import { weighted } from './policies/weighted.ts';

/** What a choice is made with, beside the view. */
export interface Balancing {
  /** Sessions on an instance now, over all endpoints, those that are being opened included. */
  readonly counts: (instance: InstanceId) => number;
  /** Sessions that an instance may have; null: as many as come. */
  readonly maxSessions: (instance: InstanceId) => number | null;
  /** What this endpoint's policy remembers: `freshState` first, then what the last selection returned. */
  readonly state: PolicyState;
  readonly prng: Prng;
  readonly now: Instant;
}

export type Selection =
  | {
      readonly picked: InstanceId;
      readonly tier: Tier;
      /** Who else could have been picked. */
      readonly others: number;
      readonly state: PolicyState;
    }
  /**
   * The reason is for people: it says of each instance that belongs to the endpoint why it cannot serve. `full`: some
   * could, and have as many sessions as they may.
   */
  | { readonly picked: null; readonly full: boolean; readonly why: string };

type Serving = Extract<Member, { serves: true }>;

/** The share that a returned replica takes at first; it must not be 0, or it would never warm up. */
const firstRamp = 0.1;

const policies: Readonly<Record<BalanceName, Policy>> = {
  'round-robin': roundRobin,
  'least-connections': leastConnections,
  random,
  weighted,
};

/**
 * Chooses who takes a new session of `endpoint`. Instances in `tried` have refused this session already. Who is full is
 * passed over; where that is every member, nobody helps out: the load of all would go where none of it belongs.
 */
export function select(
  view: ClusterView,
  endpoint: Endpoint,
  balancing: Balancing,
  tried: ReadonlySet<InstanceId>,
): Selection {
  const all = members(view, endpoint);
  const untried = all.filter((member): member is Serving => member.serves && !tried.has(member.instance));
  const tier: Tier = untried.some((member) => member.tier === 'member') ? 'member' : 'fallback';
  const isFull = ({ instance }: Serving) =>
    balancing.counts(instance) >= (balancing.maxSessions(instance) ?? Number.POSITIVE_INFINITY);
  const able = untried.filter((member) => member.tier === tier);
  const ofTier = able.filter((member) => !isFull(member));
  const [first, ...rest] = preferred(view, endpoint, ofTier).map((member) =>
    candidate(view, endpoint, balancing, member.instance),
  );
  if (first === undefined) return { picked: null, full: able.length > 0, why: explain(all, tried, able) };
  const policy = 'balance' in endpoint ? policies[endpoint.balance] : leastConnections;
  const known = forget(balancing.state, (id) => view.instances.has(id));
  const { picked, state } = policy([first, ...rest], known, balancing.prng);
  return { picked, tier, others: untried.filter((member) => !isFull(member)).length - 1, state };
}

/** Those of the preferred zone, or all where there is none of them. */
function preferred(view: ClusterView, endpoint: Endpoint, serving: readonly Serving[]): readonly Serving[] {
  const zone = 'preferZone' in endpoint ? endpoint.preferZone : null;
  if (zone === null) return serving;
  const near = serving.filter((member) => view.instances.get(member.instance)?.instance.zone === zone);
  return near.length > 0 ? near : serving;
}

function candidate(view: ClusterView, endpoint: Endpoint, balancing: Balancing, id: InstanceId): Candidate {
  const found = view.instances.get(id);
  const slowStartMs = 'slowStartMs' in endpoint ? endpoint.slowStartMs : 0;
  return {
    id,
    sessions: balancing.counts(id),
    weight: found?.instance.weight ?? 1,
    ramp: ramp(found?.returnedAt ?? null, slowStartMs, balancing.now),
  };
}

/** Grows in a straight line from a tenth to 1 over `slowStartMs` after the return. */
export function ramp(returnedAt: Instant | null, slowStartMs: number, now: Instant): number {
  if (returnedAt === null || slowStartMs <= 0) return 1;
  const progress = Math.max(0, now - returnedAt) / slowStartMs;
  return progress >= 1 ? 1 : firstRamp + (1 - firstRamp) * progress;
}

/** `full` are those that could have been picked if they had room. */
function explain(all: readonly Member[], tried: ReadonlySet<InstanceId>, full: readonly Serving[]): string {
  const reasons = all.flatMap((member) => {
    if (member.serves) {
      if (tried.has(member.instance)) return [`${member.instance}: refused`];
      return full.includes(member) ? [`${member.instance}: full`] : [];
    }
    return member.why === 'not a member' ? [] : [`${member.instance}: ${member.why}`];
  });
  return reasons.length > 0 ? reasons.join(', ') : 'no instance of the cluster is a member';
}
