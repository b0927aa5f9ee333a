import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { abort } from '../abort.ts';
import { endWithin, linger } from '../linger.ts';
import type { CloseReason } from '../observer.ts';
import { withIdleTimeout } from './idle-timeout.ts';
import type { HeldCommands, Relay, RelayHandle, RelayJob } from './relay.ts';

/**
 * Bytes that may wait for a side that does not read, before the other side is no longer read. One more chunk (64 KB)
 * and a stream's own buffer come on top.
 */
const highWaterBytes = 256 * 1024;

/** How long the other side may take nothing, once one has closed, before it is cut off. */
const farewellMs = 60_000;
/** The same after a broken connection: nobody waits for a proper end then. */
const brokenFarewellMs = 5_000;
/** A server that says more than this to a client that is gone is still busy with a result for it. */
const maxUnheardBytes = 256 * 1024;

/** The portable relay: Node's own streams. */
export function createStreamRelay(clock: Clock): Relay {
  return withIdleTimeout({ start: (job) => startSession(job, clock) }, clock);
}

function startSession(job: RelayJob, clock: Clock): RelayHandle {
  const { client, server, toServer, toClient, held, onEnd } = job;
  let reason: CloseReason | null = null;
  let open = 2;
  const upstream = pump(client, server, held);
  const downstream = pump(server, client);
  const bytes = () => ({ sent: upstream.bytes(), received: downstream.bytes() });

  const because = (first: CloseReason) => {
    reason ??= first;
  };
  const finish = () => {
    open = 0;
    upstream.stop();
    downstream.stop();
    onEnd(reason ?? 'client-closed', bytes());
  };
  const onClose = () => {
    if (open === 0) return;
    open -= 1;
    if (open === 0) finish();
  };

  client.on('end', () => {
    because('client-closed');
    upstream.whenFree(() => {
      if (!server.writableEnded) server.end();
    });
  });
  server.on('end', () => {
    because('server-closed');
    // A database never closes one direction only, so a client that does not react holds on to a dead session.
    endWithin(client, clock, farewellMs);
  });
  client.on('error', () => because('client-error'));
  server.on('error', () => because('server-error'));
  client.on('close', () => {
    because('client-error');
    upstream.salvage();
    downstream.stop();
    linger(server, clock, patienceAfter(client), maxUnheardBytes);
    onClose();
  });
  server.on('close', () => {
    because('server-error');
    downstream.salvage();
    upstream.stop();
    linger(client, clock, patienceAfter(server));
    onClose();
  });

  if (toServer !== null) upstream.push(toServer);
  if (toClient !== null) downstream.push(toClient);
  upstream.start();
  downstream.start();

  return {
    bytes,
    close(wanted) {
      if (open === 0) return;
      reason = wanted;
      abort(server);
      client.destroy();
      finish();
    },
  };
}

const patienceAfter = (closed: Socket): number => (closed.errored === null ? farewellMs : brokenFarewellMs);

interface Pump {
  start(): void;
  stop(): void;
  push(chunk: Uint8Array): void;
  /** At once, or after what is held back: Node tells of an end even while it does not read. */
  whenFree(run: () => void): void;
  /** Passes on what `from` had received before it broke. */
  salvage(): void;
  bytes(): number;
}

/** One direction, with backpressure; `held` commands are replaced, and nothing is read meanwhile. */
function pump(from: Socket, to: Socket, held?: HeldCommands): Pump {
  let bytes = 0;
  let stopped = false;
  let holds = false;
  let afterwards = () => {};
  const watch = held?.watch('start');
  const push = (chunk: Uint8Array) => {
    if (watch?.sees(chunk) === true) hold(chunk);
    else carry(chunk);
  };
  const hold = (command: Uint8Array) => {
    holds = true;
    from.pause();
    void held?.replace(command).then((instead) => {
      holds = false;
      if (stopped || !to.writable) return;
      carry(instead);
      afterwards();
      onDrain();
    });
  };
  const carry = (chunk: Uint8Array) => {
    bytes += chunk.length;
    to.write(chunk);
    // `write()` says "full" at 16 KB even where the kernel took it all at once; the length says what really waits.
    if (to.writableLength > highWaterBytes) from.pause();
  };
  const onDrain = () => {
    if (from.isPaused() && !holds && to.writableLength <= highWaterBytes) from.resume();
  };
  return {
    push,
    bytes: () => bytes,
    whenFree(run) {
      if (holds) afterwards = run;
      else run();
    },
    start() {
      from.on('data', push);
      to.on('drain', onDrain);
      if (to.writableLength <= highWaterBytes && !holds) from.resume();
    },
    stop() {
      stopped = true;
      from.off('data', push);
      to.off('drain', onDrain);
    },
    salvage() {
      if (stopped || holds || !to.writable) return;
      for (let chunk = from.read(); chunk !== null; chunk = from.read()) push(chunk);
    },
  };
}
