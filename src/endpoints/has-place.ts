import { unreachable } from '../base/assert.ts';
import type { Instance } from '../cluster/instance.ts';
import type { Endpoint } from './endpoint.ts';
import { belongs } from './members.ts';

/** Whether sessions of `endpoint` may be on `instance` at all, by the configuration; `isWriter`: it is the writer now. */
export function hasPlace(endpoint: Endpoint, instance: Instance, isWriter: boolean): boolean {
  switch (endpoint.type) {
    case 'writer':
    case 'reader':
      return true;
    case 'custom':
      return belongs(endpoint.members, { instance }) || (isWriter && endpoint.fallback === 'writer');
    case 'instance':
      return endpoint.instance === instance.id;
    default:
      return unreachable(endpoint);
  }
}
