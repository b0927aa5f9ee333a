/**
 * What programs that work with Aurelay may rely on: `import type { ClusterJson } from 'aurelay'`. Types only: they say what
 * the admin API answers (docs/http.md) and what a configuration may have (docs/config.md). Fields are added, never renamed
 * or removed. Everything else in the package is Aurelay's own business.
 */
export type * from './admin/api.ts';
export type * from './config/config-file.ts';
