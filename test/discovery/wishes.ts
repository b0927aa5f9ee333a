import type { Wishes } from '../../src/discovery/draft.ts';

/** What somebody who says nothing special gets. */
export const wishes: Wishes = {
  admin: { host: '127.0.0.1', port: 8080 },
  stateDir: '/var/lib/aurelay',
  monitor: { user: 'aurelay', database: 'postgres', password: { kind: 'environment', name: 'PASSWORD' } },
  serverTls: null,
  mode: 'observe',
  writer: { host: '127.0.0.1', port: 6432 },
  reader: { host: '127.0.0.1', port: 6433 },
};
