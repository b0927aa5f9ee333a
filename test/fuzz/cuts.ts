import { randomIndex, seededPrng } from '../../src/base/prng.ts';

/** Longer inputs are not fed byte by byte. */
const mostBytesAlone = 1_024;

/** The ways in which the network may hand over `input`: whole, byte by byte, and cut at places that `input` decides. */
export function cutsOf(input: Uint8Array): readonly (readonly Uint8Array[])[] {
  const ways: Uint8Array[][] = [[input]];
  if (input.length < 2) return ways;
  if (input.length <= mostBytesAlone) ways.push(Array.from(input, (_, at) => input.subarray(at, at + 1)));
  const prng = seededPrng(checksum(input));
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < input.length; ) {
    const length = 1 + randomIndex(prng, randomIndex(prng, 4) === 0 ? input.length : 16);
    pieces.push(input.subarray(at, at + length));
    at += length;
  }
  ways.push(pieces);
  return ways;
}

function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum;
}

const floodPiece = 4 * 1024;

/**
 * What a peer may go on with that never comes to an end: `filler`, until more than `limitBytes` of it were taken. `push`
 * returns whether it still waits for more; so does this, after all of it.
 */
export function waitsForEver(
  push: (chunk: Uint8Array) => boolean,
  filler: number,
  limitBytes: number,
): boolean {
  const piece = new Uint8Array(floodPiece).fill(filler);
  for (let sent = 0; sent <= limitBytes; sent += floodPiece) if (!push(piece)) return false;
  return true;
}
