import type { Finding } from '../finding.ts';
import type { Inspection } from '../inspection.ts';
import { checkAccess } from './access.ts';
import { checkAddresses } from './addresses.ts';
import { checkAdmin } from './admin.ts';
import { checkDurability } from './durability.ts';
import { checkEndpoints } from './endpoints.ts';
import { checkFailover } from './failover.ts';
import { checkNames } from './names.ts';
import { checkPatroni } from './patroni.ts';
import { checkServerTls } from './server-tls.ts';
import { checkSharedListeners } from './shared-listeners.ts';
import { checkTermination } from './termination.ts';

const checks = [
  checkNames,
  checkAdmin,
  checkAddresses,
  checkSharedListeners,
  checkEndpoints,
  checkFailover,
  checkDurability,
  checkPatroni,
  checkAccess,
  checkServerTls,
  checkTermination,
];

export const runChecks = (inspection: Inspection): readonly Finding[] =>
  checks.flatMap((check) => [...check(inspection)]);
