import { assert } from '../../base/assert.ts';
import type { Engine } from '../engine.ts';
import { AnswerOpening, declineUpgrade, refusal } from './messages.ts';
import { PostgresOperations } from './operations.ts';
import { walOrder } from './position.ts';
import { PostgresProbe } from './probe.ts';
import { StartupOpening } from './startup.ts';

/** PostgreSQL 14 to 18. */
export const postgres: Engine = {
  name: 'postgres',
  defaultPort: 5432,
  positions: walOrder,
  protocol: {
    speaksFirst: 'client',
    clientOpening: () => new StartupOpening(),
    serverOpening(request) {
      assert(request !== null, 'a PostgreSQL server is asked before it answers');
      return new AnswerOpening(request.kind);
    },
    refusal,
    decline: declineUpgrade,
  },
  formerWriterCanFollow: false,
  createProbe: (target) => new PostgresProbe(target),
  createOperations: (target) => new PostgresOperations(target),
};
