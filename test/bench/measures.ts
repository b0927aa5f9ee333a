import type { Measure } from './measure.ts';
import { adminDelay } from './measures/admin-delay.ts';
import { bulk } from './measures/bulk.ts';
import { connects } from './measures/connects.ts';
import { growth } from './measures/growth.ts';
import { idleMemory } from './measures/idle-memory.ts';
import { stalledReader } from './measures/stalled-reader.ts';
import { throughputMysql } from './measures/throughput-mysql.ts';
import { throughputPostgres } from './measures/throughput-postgres.ts';

/** In the order that they run in. */
export const measures: readonly Measure[] = [
  throughputPostgres,
  throughputMysql,
  connects,
  bulk,
  stalledReader,
  adminDelay,
  idleMemory,
  growth,
];
