import type { Socket } from 'node:net';
import type { Turn } from './dial-pacer.ts';
import type { EndpointContext } from './endpoint-context.ts';
import type { Session } from './session.ts';
import { isStale, type Target } from './target.ts';

/** A session's hold on a server, from the choice to the end; it counts as a session of that server all the while. */
export class ServerSide {
  readonly target: Target;
  /** Null while it is dialled. */
  socket: Socket | null = null;
  /** Its place among those that connect to the server, until that has answered; null: it needs none. */
  turn: Turn | null = null;
  /** The largest session number that the server had given out when it was chosen (MySQL). */
  readonly highestNumber: number;
  readonly #ctx: EndpointContext;
  readonly #session: Session;
  #attached = true;

  constructor(ctx: EndpointContext, session: Session, target: Target) {
    this.#ctx = ctx;
    this.#session = session;
    this.target = target;
    this.highestNumber =
      ctx.protocol.kill === undefined ? 0 : ctx.numbers.highest({ ...target, cluster: ctx.at.cluster });
    ctx.registry.attach(session, target.instance);
    ctx.unsettled.add(session);
  }

  /** True once the server would not be chosen any more, or has closed the connection. */
  get isLost(): boolean {
    return this.socket?.destroyed === true || isStale(this.target, this.#ctx.view(), this.#ctx.endpoint);
  }

  /** The session is routed: from here on a new view does not move it. */
  settle(): void {
    this.#ctx.unsettled.delete(this.#session);
  }

  /** Counts no more; the socket is somebody else's matter. */
  detach(): void {
    if (!this.#attached) return;
    this.#attached = false;
    this.#ctx.unsettled.delete(this.#session);
    this.#ctx.registry.detach(this.#session, this.target.instance);
  }

  drop(): void {
    this.detach();
    this.socket?.destroy();
    // Last: whoever is let go by that finds this one gone.
    this.turn?.end();
  }
}
