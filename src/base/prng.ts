/** A source of randomness as an argument: the same seed gives the same numbers. */
export interface Prng {
  /** Uniform in [0, 1). */
  next(): number;
}

/**
 * The sfc32 generator (Doty-Humphrey, PractRand), seeded by splitmix32: small, fast and well mixed.
 * Not for secrets.
 */
export function seededPrng(seed: number): Prng {
  let mix = seed | 0;
  const splitmix32 = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = splitmix32();
  let b = splitmix32();
  let c = splitmix32();
  let counter = 1;
  return {
    next() {
      const t = (((a + b) | 0) + counter) | 0;
      counter = (counter + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = ((c << 21) | (c >>> 11)) + t;
      return (t >>> 0) / 4294967296;
    },
  };
}

/** Uniform in 0 .. `below` - 1. */
export const randomIndex = (prng: Prng, below: number): number => Math.floor(prng.next() * below);
