import { lookup } from 'node:dns/promises';
import { readFileSync, readlinkSync } from 'node:fs';
import { isIP } from 'node:net';
import { type Address, formatAddress } from './cluster/instance.ts';
import { canonicalHost } from './config/address.ts';
import { parseListeningSockets } from './listening-sockets.ts';

/** Where the first inherited descriptor is (sd_listen_fds(3), `SD_LISTEN_FDS_START`). */
const firstFd = 3;
const mostFds = 1_000;

export interface InheritedSocket {
  readonly fd: number;
  /** From LISTEN_FDNAMES; null where there is none. */
  readonly name: string | null;
  /** Where it listens; null: it is no TCP socket that listens. */
  readonly address: Address | null;
}

/**
 * The listening sockets that whoever started this process opened for it, so that clients wait in their queue, and are
 * not refused, while it restarts: systemd's socket activation (sd_listen_fds(3)).
 */
export class InheritedSockets {
  readonly #free: Set<InheritedSocket>;

  constructor(sockets: readonly InheritedSocket[]) {
    this.#free = new Set(sockets);
  }

  get count(): number {
    return this.#free.size;
  }

  /**
   * The descriptor of the socket that listens on `address` already, or null. Whoever takes it owns it, and closes it for
   * this process: it cannot be taken again.
   */
  async take({ host, port }: Address): Promise<number | null> {
    if (this.#free.size === 0) return null;
    const hosts = await numbersOf(host);
    for (const socket of this.#free) {
      const { address, fd } = socket;
      if (address === null || address.port !== port || !hosts.includes(canonicalHost(address.host))) continue;
      this.#free.delete(socket);
      return fd;
    }
    return null;
  }

  /** What nobody has taken, each in words, with what to do. */
  unclaimed(): readonly string[] {
    return [...this.#free].map(({ fd, name, address }) => {
      const what = `inherited socket ${fd}${name === null ? '' : ` ("${name}")`}`;
      if (address === null) return `${what} is no TCP socket that listens: nothing can use it`;
      return `${what} listens on ${formatAddress(address)}, which is no \`listen\` of the configuration: clients that connect there wait for ever. Write one address in both places (ListenStream=PORT is [::]:PORT)`;
    });
  }
}

/**
 * Those that LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES speak of, where they speak to this process. Takes the variables out
 * of `env`, so that no child believes that they are meant for it; Node itself has closed the descriptors to children
 * (`uv_disable_stdio_inheritance`).
 */
export function inheritedSockets(env: NodeJS.ProcessEnv, pid: number): InheritedSockets {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID']) delete env[name];
  const count = /^\d{1,4}$/.test(LISTEN_FDS ?? '') ? Number(LISTEN_FDS) : 0;
  if (LISTEN_PID !== String(pid) || count === 0 || count > mostFds) return new InheritedSockets([]);
  const names = LISTEN_FDNAMES === undefined ? [] : LISTEN_FDNAMES.split(':');
  const addresses = listeningByInode();
  const sockets = Array.from({ length: count }, (_, index): InheritedSocket => {
    const fd = firstFd + index;
    const inode = inodeOf(fd);
    return { fd, name: names[index] || null, address: (inode && addresses.get(inode)) || null };
  });
  return new InheritedSockets(sockets);
}

/** Node has no getsockname(2) for a bare descriptor, and to listen on one in order to ask would accept clients. */
function listeningByInode(): ReadonlyMap<string, Address> {
  const tables = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];
  return new Map(tables.flatMap((table) => [...parseListeningSockets(readOrNothing(table))]));
}

function inodeOf(fd: number): string | null {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? null;
  } catch {
    return null;
  }
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** A name stands for each of its addresses; one that has none is for whoever listens to complain of. */
async function numbersOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [canonicalHost(host)];
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map(({ address }) => canonicalHost(address));
}
