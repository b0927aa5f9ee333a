import type { Prng } from '../../src/base/prng.ts';

/** Something that reads what strangers send, and what has to hold whatever they send. */
export interface FuzzTarget {
  readonly name: string;
  /** Well-formed inputs, and near misses, to begin with. */
  readonly seeds: readonly Uint8Array[];
  /** Pieces that mean something in the protocol. */
  readonly dictionary: readonly Uint8Array[];
  /** Inputs that are built after the protocol, so that its deep states are reached. */
  readonly generate?: (prng: Prng) => Uint8Array;
  /** Mutations stay below this length. */
  readonly maxBytes: number;
  /** Inputs between two looks at what was covered: more where a run is quick. */
  readonly batch: number;
  /** Reads `input` to the end. Throws where the contract is broken; whatever is thrown is a finding. */
  readonly run: (input: Uint8Array) => void;
}

/** What was promised does not hold: that it would be read alike however it is cut, within a bound, without a loss. */
export class ContractBroken extends Error {
  override readonly name = 'ContractBroken';
}

export function promise(holds: boolean, what: string): asserts holds {
  if (!holds) throw new ContractBroken(what);
}
