import fc from 'fast-check';

/** `bytes` cut into pieces in any way, empty ones included. */
export function chunked(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.slice(places[index], end));
}

export const anyCuts = fc.array(fc.nat(), { maxLength: 12 });

export const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

export const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
