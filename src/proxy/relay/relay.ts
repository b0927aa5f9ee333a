import type { Socket } from 'node:net';
import type { CloseReason } from '../observer.ts';

/** Bytes carried: `sent` from client to server, `received` from server to client. */
export interface ByteCounts {
  readonly sent: number;
  readonly received: number;
}

/** Bytes of a client, looked through for a command that its relay has to hold back. */
export interface CommandWatch {
  /** Takes what comes next; true where that is one whole command, and nothing else, to be held back. */
  sees(chunk: Uint8Array): boolean;
}

/** Commands that do not go to the server as they are (MySQL's KILL). */
export interface HeldCommands {
  /** `start`: from the first byte of the client's stream. `command`: from between two of its packets. */
  watch(from: 'start' | 'command'): CommandWatch;
  /**
   * What goes to the server in place of `command`. Never rejects, and takes seconds at the most; the client is not read
   * meanwhile.
   */
  replace(command: Uint8Array): Promise<Uint8Array>;
}

/**
 * A routed session, handed over. Both sockets are connected, paused, may hold unread bytes, keep a half-open
 * connection open, and have an `error` listener; nobody else touches them from here on.
 */
export interface RelayJob {
  readonly client: Socket;
  readonly server: Socket;
  /** Read from the client already: goes to the server before anything else. Null: nothing. */
  readonly toServer: Uint8Array | null;
  /** Read from the server already: goes to the client before anything else. Null: nothing. */
  readonly toClient: Uint8Array | null;
  /** Absent: every byte goes to the server as it came. */
  readonly held?: HeldCommands;
  /** Ends the session, as `idle-timeout`, when it has carried no byte either way for so long. Absent: never. */
  readonly idleTimeoutMs?: number;
  /** Called once, when both sockets are closed and the counts are final; never before `start` has returned. */
  readonly onEnd: (reason: CloseReason, bytes: ByteCounts) => void;
}

export interface RelayHandle {
  /**
   * Destroys both sockets before it returns, waiting for nobody, and calls `onEnd` before it returns. Bytes that the
   * server has not taken are thrown away, in the kernel too. Does nothing the second time.
   */
  close(reason: CloseReason): void;
  bytes(): ByteCounts;
}

/**
 * Carries the bytes of sessions. Whatever carries them keeps these promises (test/proxy/relay-conformance.ts):
 * every byte once and in order; a side that stops reading makes it stop reading the other one; the end of a stream is
 * passed on while the other direction goes on; what was received before an end or an error still gets through.
 */
export interface Relay {
  start(job: RelayJob): RelayHandle;
}
