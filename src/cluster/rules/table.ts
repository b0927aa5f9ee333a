import { correctingRules } from './correcting.ts';
import { fencingRules } from './fencing.ts';
import { findingRules } from './finding.ts';
import { losingRules } from './losing.ts';
import { promotingRules } from './promoting.ts';
import { reconfiguringRules } from './reconfiguring.ts';
import { rejoiningRules } from './rejoining.ts';
import { requestRules } from './requests.ts';
import type { Rule } from './rule.ts';
import { securingRules } from './securing.ts';

export { requestRules };

/** What happens by itself, in the order in which it is asked. */
export const rules: readonly Rule[] = [
  ...reconfiguringRules,
  ...findingRules,
  ...losingRules,
  ...fencingRules,
  ...promotingRules,
  ...correctingRules,
  ...rejoiningRules,
  ...securingRules,
];
