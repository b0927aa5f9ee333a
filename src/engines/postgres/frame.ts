/** One message of a server: its type byte, and where its body ends (protocol, "Messaging Overview"). */
export interface Frame {
  readonly type: number;
  /** Length of the whole message in bytes, the type byte and the length word included. */
  readonly length: number;
}

export type FrameResult =
  | { readonly kind: 'need-more' }
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'bad'; readonly why: string };

export const frameHeaderBytes = 5;

export const typeByte = (letter: string): number => letter.charCodeAt(0);

/**
 * Reads the header of the message that `bytes` begins with; the body need not be there yet.
 * `bad` as soon as the length cannot be true or is above `maxBytes`: pg-protocol's parser would wait for it for ever.
 */
export function readFrame(bytes: Uint8Array, maxBytes: number): FrameResult {
  const [type, a, b, c, d] = bytes;
  if (type === undefined || a === undefined || b === undefined || c === undefined || d === undefined) {
    return { kind: 'need-more' };
  }
  const length = ((a * 256 + b) * 256 + c) * 256 + d;
  if (length < 4) return { kind: 'bad', why: 'a message with an impossible length' };
  if (length + 1 > maxBytes) return { kind: 'bad', why: `a message of more than ${maxBytes} bytes` };
  return { kind: 'frame', frame: { type, length: length + 1 } };
}

/**
 * Whether an ErrorResponse or NoticeResponse is what the protocol says: fields of a letter and a terminated string,
 * then one zero, and nothing behind it. pg-protocol's parser never returns from a message that is not.
 */
export function hasWholeFields(message: Uint8Array): boolean {
  let at = frameHeaderBytes;
  while (at < message.length && message[at] !== 0) {
    const end = message.indexOf(0, at + 1);
    if (end === -1) return false;
    at = end + 1;
  }
  return at === message.length - 1;
}
