import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../base/errors.ts';

/** What an open relay is to JavaScript: only the addon can look inside. */
export interface NativeRelayHandle {
  readonly __native: never;
}

/** native/relay/addon.c. All calls are synchronous. */
export interface NativeAddon {
  readonly interfaceVersion: number;
  /**
   * A relay that lives as long as the process, with up to `threads` threads, each started when there are sessions for
   * it. `onOver` hears of each session that ended by itself; `reason` is an index of `closeReasons`;
   * or, behind the last of these, a command was held back: then both sockets and the command come with it.
   */
  open(
    options: {
      readonly threads: number;
      readonly afterEndMs: number;
      readonly afterErrorMs: number;
      /** TCP_USER_TIMEOUT of both sockets (tcp(7)); 0: as the system has it. */
      readonly userTimeoutMs: number;
    },
    onOver: (
      slot: number,
      reason: number,
      sent: number,
      received: number,
      clientFd: number,
      serverFd: number,
      heldBack: Uint8Array | null,
    ) => void,
  ): NativeRelayHandle;
  /**
   * Carries between two connected sockets, with descriptors of its own; the bytes go first. Returns the session's
   * number, or a negative errno, and then nothing was read or written. `watch` (native/relay/watch.h) 0: no command is
   * held back; 1: a KILL is, from the start of a MySQL client's stream; 2: the same, between two of its packets.
   */
  start(
    relay: NativeRelayHandle,
    clientFd: number,
    serverFd: number,
    toServer: Uint8Array | null,
    toClient: Uint8Array | null,
    watch: number,
  ): number;
  /** Fills in [sent, received] so far. */
  bytes(relay: NativeRelayHandle, slot: number, counts: Float64Array): void;
  /** Closes both sockets, the server's with a reset, fills in the final [sent, received], and frees the number. */
  abort(relay: NativeRelayHandle, slot: number, counts: Float64Array): void;
}

const interfaceVersion = 3;

/** Where `native/build.mjs` puts it; the same for src and dist. */
const builtFile = fileURLToPath(new URL('../../../native/build/relay.node', import.meta.url));
const howToBuild = `run \`node ${fileURLToPath(new URL('../../../native/build.mjs', import.meta.url))}\``;

/** The addon, or why there is none. */
export function loadNativeAddon(file: string = builtFile): NativeAddon | string {
  if (process.platform !== 'linux') return `it needs Linux, and this is ${process.platform}`;
  let addon: NativeAddon;
  try {
    addon = createRequire(import.meta.url)(file) as NativeAddon;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
    return isMissing ? `it was not built: ${howToBuild}` : messageOf(error);
  }
  if (addon.interfaceVersion !== interfaceVersion) {
    return `it was built from other sources: ${howToBuild}`;
  }
  return addon;
}
