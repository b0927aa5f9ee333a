import type { Engine, EngineName } from './engine.ts';
import { mysql } from './mysql/engine.ts';
import { postgres } from './postgres/engine.ts';

/** Every engine by its name in the configuration. */
export const engines: Readonly<Record<EngineName, Engine>> = { postgres, mysql };
