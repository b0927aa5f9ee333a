import { type Prng, randomIndex } from '../../src/base/prng.ts';
import { joined } from './mutate.ts';

export const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export const uint16 = (value: number): Uint8Array => Uint8Array.of((value >> 8) & 0xff, value & 0xff);
export const uint32 = (value: number): Uint8Array => joined(uint16(value >>> 16), uint16(value & 0xffff));
export const uint24le = (value: number): Uint8Array =>
  Uint8Array.of(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff);

export const pick = <Value>(prng: Prng, values: readonly [Value, ...Value[]]): Value =>
  values[randomIndex(prng, values.length)] ?? values[0];

export const randomBytes = (prng: Prng, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, () => randomIndex(prng, 256));

export const listOf = <Value>(prng: Prng, most: number, make: () => Value): Value[] =>
  Array.from({ length: randomIndex(prng, most + 1) }, make);

/** Mostly `value`, and now and then a lie beside it. */
export const mostly = (prng: Prng, value: number): number =>
  randomIndex(prng, 10) === 0 ? Math.max(0, value + randomIndex(prng, 9) - 4) : value;

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export { joined } from './mutate.ts';
