import { unreachable } from '../base/assert.ts';
import type { InstanceId } from '../base/brand.ts';
import type { ClusterView, InstanceView } from '../cluster/view.ts';
import type { BalancedEndpoint, Endpoint, Membership } from './endpoint.ts';

/** `member`: it belongs to the endpoint. `fallback`: it helps out while no member can serve. */
export type Tier = 'member' | 'fallback';

/** Why an instance gets no new session; the words appear in errors and in the admin API. */
export type Unavailability =
  | 'not a member'
  | 'drained'
  | 'deposed'
  | 'unhealthy'
  | 'no fresh role'
  | 'is the writer'
  | 'not the writer'
  | 'not a replica'
  | 'not replicating'
  | 'lag unknown'
  | 'lagging';

/** Whether an instance may take a new session of an endpoint now. */
export type Member =
  | { readonly instance: InstanceId; readonly serves: true; readonly tier: Tier }
  | { readonly instance: InstanceId; readonly serves: false; readonly why: Unavailability };

/** A verdict on every instance of the cluster, in the order of the view. */
export function members(view: ClusterView, endpoint: Endpoint): readonly Member[] {
  return [...view.instances.values()].map((instance) => memberOf(view, endpoint, instance));
}

/** The verdict on one instance; `not a member` for one that the cluster does not have (any more). */
export function member(view: ClusterView, endpoint: Endpoint, id: InstanceId): Member {
  const instance = view.instances.get(id);
  if (instance === undefined) return { instance: id, serves: false, why: 'not a member' };
  return memberOf(view, endpoint, instance);
}

function memberOf(view: ClusterView, endpoint: Endpoint, candidate: InstanceView): Member {
  const instance = candidate.instance.id;
  const isWriter = instance === view.writer;
  const why = obstacle(view, endpoint, candidate);
  if (why === null) return { instance, serves: true, tier: 'member' };
  const mayHelpOut = 'fallback' in endpoint && endpoint.fallback === 'writer' && isWriter;
  if (mayHelpOut && !candidate.drained) return { instance, serves: true, tier: 'fallback' };
  return { instance, serves: false, why };
}

function obstacle(view: ClusterView, endpoint: Endpoint, candidate: InstanceView): Unavailability | null {
  const isWriter = candidate.instance.id === view.writer;
  switch (endpoint.type) {
    case 'writer':
      // The core alone decides who is the writer, in every state of health; its sessions are not to be second-guessed.
      return isWriter ? null : 'not the writer';
    case 'instance':
      if (candidate.instance.id !== endpoint.instance) return 'not a member';
      if (candidate.health !== 'healthy') return 'unhealthy';
      // Whatever would be written there is lost at the next rejoin.
      if (candidate.role === 'writer' && !isWriter) return candidate.deposed ? 'deposed' : 'not the writer';
      return null;
    case 'reader':
      return isWriter ? 'is the writer' : (condition(candidate) ?? replicaObstacle(endpoint, candidate));
    case 'custom':
      if (!belongs(endpoint.members, candidate)) return 'not a member';
      if (!isWriter) return condition(candidate) ?? replicaObstacle(endpoint, candidate);
      return endpoint.roles === 'any' ? condition(candidate) : 'is the writer';
    default:
      return unreachable(endpoint);
  }
}

/** What keeps an instance of any role from taking sessions of a balanced endpoint. */
function condition(candidate: InstanceView): Unavailability | null {
  if (candidate.drained) return 'drained';
  if (candidate.deposed) return 'deposed';
  if (candidate.health !== 'healthy') return 'unhealthy';
  return candidate.role === null ? 'no fresh role' : null;
}

function replicaObstacle(endpoint: BalancedEndpoint, candidate: InstanceView): Unavailability | null {
  if (candidate.role !== 'replica') return 'not a replica';
  if (!candidate.replicating) return 'not replicating';
  if (endpoint.maxLagMs === null) return null;
  if (candidate.lagSeconds === null) return 'lag unknown';
  return candidate.lagSeconds * 1000 > endpoint.maxLagMs ? 'lagging' : null;
}

/** `excluded` takes in everything else, instances that are added later too. */
export function belongs(membership: Membership, { instance }: Pick<InstanceView, 'instance'>): boolean {
  switch (membership.kind) {
    case 'static':
      return membership.instances.includes(instance.id);
    case 'excluded':
      return !membership.instances.includes(instance.id);
    case 'tags':
      return Object.entries(membership.tags).every(([name, value]) => instance.tags[name] === value);
    default:
      return unreachable(membership);
  }
}
