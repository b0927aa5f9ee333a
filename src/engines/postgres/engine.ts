import type { Engine } from '../engine.ts';
import { discoverPostgres } from './discovery.ts';
import { PostgresOperations } from './operations.ts';
import { walOrder } from './position.ts';
import { PostgresProbe } from './probe.ts';
import { postgresProtocol } from './protocol.ts';
import { surveyPostgres } from './survey.ts';
import { upgradeToTls } from './upgrade-to-tls.ts';

/** PostgreSQL 14 to 18. */
export const postgres: Engine = {
  name: 'postgres',
  defaultPort: 5432,
  positions: walOrder,
  protocol: postgresProtocol,
  formerWriterCanFollow: false,
  encrypt: upgradeToTls,
  createProbe: (target) => new PostgresProbe(target),
  createOperations: (target) => new PostgresOperations(target),
  discover: discoverPostgres,
  survey: surveyPostgres,
};
