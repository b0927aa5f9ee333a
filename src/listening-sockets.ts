import { endianness } from 'node:os';
import type { Address } from './cluster/instance.ts';

const listening = '0A';

/** The TCP sockets that listen, by inode, of a table as Linux prints it (proc(5), `/proc/net/tcp` and `tcp6`). */
export function parseListeningSockets(table: string): ReadonlyMap<string, Address> {
  const found = new Map<string, Address>();
  for (const line of table.split('\n')) {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
    const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(local);
    if (match === null || state !== listening || inode === undefined) continue;
    const [, host = '', port = ''] = match;
    found.set(inode, { host: hostOf(host), port: Number.parseInt(port, 16) });
  }
  return found;
}

/** Addresses are printed as words of 32 bits, each in the order of this machine. */
function hostOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  if (endianness() === 'LE') bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return groups.join(':');
}
