import type { Socket } from 'node:net';

/** A record of application data that nobody can decrypt. */
const nonsense = `\x17\x03\x03\x00\x20${'x'.repeat(32)}`;

/** Breaks the TLS that a connection carries: writes past its back. */
export function breakTls(carrier: Socket): void {
  type Handle = { writeLatin1String(request: object, text: string): number };
  (carrier as unknown as { _handle: Handle })._handle.writeLatin1String({ oncomplete: () => {} }, nonsense);
}
