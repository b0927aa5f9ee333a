import { type Prng, randomIndex } from '../../src/base/prng.ts';

export interface MutationMaterial {
  readonly dictionary: readonly Uint8Array[];
  /** Another input, to be spliced with. */
  readonly other: Uint8Array;
  readonly maxBytes: number;
}

type Mutation = (input: Uint8Array, prng: Prng, material: MutationMaterial) => Uint8Array;

/** The numbers at which lengths go wrong; those of the limits in the codecs among them. */
const edges = [
  ...[
    0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 107, 216, 255, 256, 257, 4_095, 4_096, 4_097, 10_000, 10_003, 10_004,
  ],
  ...[10_005, 16_383, 16_384, 16_385, 30_000, 65_534, 65_535, 65_536, 0xffffff, 0x7fffffff, 0x80000000],
  ...[0xfffffffe, 0xffffffff],
];

/** `input` with a few changes, seldom many. Never longer than `maxBytes`. */
export function mutate(input: Uint8Array, prng: Prng, material: MutationMaterial): Uint8Array {
  let changed = input;
  const rounds = 1 + randomIndex(prng, randomIndex(prng, 8) === 0 ? 16 : 3);
  for (let round = 0; round < rounds; round++) {
    const mutation = mutations[randomIndex(prng, mutations.length)] ?? setByte;
    changed = mutation(changed, prng, material);
  }
  return changed.slice(0, material.maxBytes);
}

const anyByte = (prng: Prng): number => randomIndex(prng, 256);

const flipBit: Mutation = (input, prng) => {
  const changed = input.slice();
  const at = randomIndex(prng, Math.max(1, input.length));
  changed[at] = (changed[at] ?? 0) ^ (1 << randomIndex(prng, 8));
  return changed;
};

const setByte: Mutation = (input, prng) => {
  const changed = input.slice();
  const pick = [0, 1, 0x20, 0x7f, 0x80, 0xff, anyByte(prng), anyByte(prng)];
  changed[randomIndex(prng, Math.max(1, input.length))] = pick[randomIndex(prng, pick.length)] ?? 0;
  return changed;
};

const insertBytes: Mutation = (input, prng) => {
  const count = 1 + randomIndex(prng, 8);
  const fill = anyByte(prng);
  const same = prng.next() < 0.5;
  return inserted(
    input,
    prng,
    Uint8Array.from({ length: count }, () => (same ? fill : anyByte(prng))),
  );
};

const insertToken: Mutation = (input, prng, { dictionary }) =>
  inserted(input, prng, dictionary[randomIndex(prng, dictionary.length)] ?? new Uint8Array(0));

const overwriteWithToken: Mutation = (input, prng, { dictionary }) => {
  const token = dictionary[randomIndex(prng, dictionary.length)] ?? new Uint8Array(0);
  const at = randomIndex(prng, input.length + 1);
  return joined(input.subarray(0, at), token, input.subarray(at + token.length));
};

const removeRange: Mutation = (input, prng) => {
  const at = randomIndex(prng, input.length + 1);
  const count = 1 + randomIndex(prng, randomIndex(prng, 4) === 0 ? input.length + 1 : 8);
  return joined(input.subarray(0, at), input.subarray(at + count));
};

const repeatRange: Mutation = (input, prng, { maxBytes }) => {
  const at = randomIndex(prng, input.length + 1);
  const piece = input.subarray(at, at + 1 + randomIndex(prng, 32));
  const times = 1 + randomIndex(prng, randomIndex(prng, 8) === 0 ? 200 : 4);
  if (piece.length * times > maxBytes) return input;
  return joined(input.subarray(0, at), ...Array.from({ length: times }, () => piece), input.subarray(at));
};

const truncate: Mutation = (input, prng) => input.slice(0, randomIndex(prng, input.length + 1));

const splice: Mutation = (input, prng, { other }) =>
  joined(
    input.subarray(0, randomIndex(prng, input.length + 1)),
    other.subarray(randomIndex(prng, other.length + 1)),
  );

/** A number of one to four bytes in either order, at an edge or beside what is really there. */
const setNumber: Mutation = (input, prng) => {
  const width = 1 + randomIndex(prng, 4);
  const at = prng.next() < 0.5 ? randomIndex(prng, 8) : randomIndex(prng, Math.max(1, input.length));
  if (at + width > input.length) return input;
  const edge = edges[randomIndex(prng, edges.length)] ?? 0;
  const near = input.length - at + randomIndex(prng, 17) - 8;
  return withNumber(input, at, width, prng.next() < 0.5 ? edge : near, prng.next() < 0.5);
};

/** Makes the length true again where each protocol has it, so that what lies behind it is read. */
const mendLength: Mutation = (input, prng) => {
  const { length } = input;
  if (length < 6) return input;
  switch (randomIndex(prng, 5)) {
    case 0:
      return withNumber(input, 0, 4, length, false);
    case 1:
      return withNumber(input, 1, 4, length - 1, false);
    case 2:
      return withNumber(input, 0, 3, length - 4, true);
    case 3:
      return withNumber(input, 3, 2, length - 5, false);
    default:
      return length < 16 ? input : withNumber(input, 14, 2, length - 16, false);
  }
};

const mutations: readonly Mutation[] = [
  ...[flipBit, setByte, insertBytes, insertToken, insertToken, overwriteWithToken, removeRange],
  ...[repeatRange, truncate, splice, setNumber, setNumber, mendLength],
];

export function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function inserted(input: Uint8Array, prng: Prng, piece: Uint8Array): Uint8Array {
  const at = randomIndex(prng, input.length + 1);
  return joined(input.subarray(0, at), piece, input.subarray(at));
}

function withNumber(
  input: Uint8Array,
  at: number,
  width: number,
  value: number,
  littleEndian: boolean,
): Uint8Array {
  const changed = input.slice();
  for (let index = 0; index < width; index++) {
    const place = littleEndian ? at + index : at + width - 1 - index;
    changed[place] = Math.floor(value / 256 ** index) & 0xff;
  }
  return changed;
}
