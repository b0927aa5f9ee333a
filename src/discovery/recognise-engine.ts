import { connect, type Socket } from 'node:net';
import { messageOf } from '../base/errors.ts';
import type { Address } from '../cluster/instance.ts';
import type { Engine, EngineName, ServerOpening } from '../engines/engine.ts';

/** How long a server may take to speak first; one that looks up its client's name takes a while. */
const silenceMs = 700;

export type Recognition =
  | { readonly kind: 'recognised'; readonly engine: EngineName }
  | { readonly kind: 'unknown'; readonly why: string };

/**
 * Which engine answers at an address: a MySQL server speaks first, a PostgreSQL server answers a request for TLS. Logs
 * in nowhere, never rejects, and leaves no socket behind.
 */
export function recogniseEngine(
  address: Address,
  engines: readonly Engine[],
  timeoutMs: number,
): Promise<Recognition> {
  return new Promise((resolve) => {
    const socket = connect({ host: address.host, port: address.port });
    const openings = new Map<Engine, ServerOpening>();
    for (const engine of engines) {
      if (engine.protocol.speaksFirst === 'server') openings.set(engine, engine.protocol.serverOpening(null));
    }
    const timers = [
      setTimeout(() => ask(socket, engines, openings), silenceMs),
      setTimeout(() => end({ kind: 'unknown', why: `it said nothing within ${timeoutMs} ms` }), timeoutMs),
    ];
    const end = (recognition: Recognition): void => {
      for (const timer of timers) clearTimeout(timer);
      socket.destroy();
      resolve(recognition);
    };
    socket.on('data', (chunk) => {
      const engine = speakerOf(chunk, openings);
      if (engine === 'nobody') end({ kind: 'unknown', why: 'what it says is of neither engine' });
      else if (engine !== null) end({ kind: 'recognised', engine: engine.name });
    });
    socket.on('error', (error) => end({ kind: 'unknown', why: messageOf(error) }));
    socket.on('close', () => end({ kind: 'unknown', why: 'it closed the connection without a word' }));
  });
}

/** A server that is silent waits for its client. */
function ask(socket: Socket, engines: readonly Engine[], openings: Map<Engine, ServerOpening>): void {
  for (const engine of engines) {
    const request = engine.protocol.naming?.promised;
    if (engine.protocol.speaksFirst !== 'client' || request === undefined) continue;
    openings.set(engine, engine.protocol.serverOpening({ ...request, kind: 'tls' }));
    socket.write(request.bytes);
  }
}

/** Null: more has to come. */
function speakerOf(chunk: Uint8Array, openings: Map<Engine, ServerOpening>): Engine | 'nobody' | null {
  for (const [engine, opening] of openings) {
    const event = opening.push(chunk);
    if (event.kind === 'malformed') openings.delete(engine);
    else if (event.kind !== 'need-more') return engine;
  }
  return openings.size === 0 ? 'nobody' : null;
}
