import type { ClientRequest, Protocol } from '../engines/engine.ts';
import type { Termination } from './termination.ts';

/** What an endpoint that ends TLS has to say to a request itself, because no server is asked for any. */
export type AnswerHere =
  /** Nothing: a server has to answer. */
  | { readonly kind: 'none' }
  | { readonly kind: 'tls-required' }
  | { readonly kind: 'violation'; readonly why: string }
  /** Say this, and hear what the client asks for instead. */
  | { readonly kind: 'declined'; readonly bytes: Uint8Array }
  /** Say `granted`; then TLS begins, of which the client has said `received` already. */
  | { readonly kind: 'encrypt'; readonly granted: Uint8Array; readonly received: Uint8Array };

interface Heard {
  readonly request: ClientRequest;
  /** As `Chosen.tls`. */
  readonly tls: Uint8Array | null;
  /** Takes what came behind the request; null: nothing did. */
  readonly takeEarly: () => Uint8Array | null;
  /** The client said it in TLS that stands. */
  readonly isEncrypted: boolean;
}

const nothing = new Uint8Array(0);

export function answerHere(
  { isRequired }: Pick<Termination, 'isRequired'>,
  protocol: Protocol,
  { request, tls, takeEarly, isEncrypted }: Heard,
): AnswerHere {
  if (request.kind === 'startup') {
    return isRequired && !isEncrypted ? { kind: 'tls-required' } : { kind: 'none' };
  }
  if (isEncrypted) return violation('the client asked for encryption within TLS');
  if (request.kind === 'gss') return { kind: 'declined', bytes: protocol.decline?.(request) ?? nothing };
  const early = takeEarly();
  if (early !== null && request.kind === 'tls') {
    // It could be anybody's on the way, said in the name of the client that TLS is about to protect (CVE-2021-23214).
    return violation('the client sent bytes in clear behind its request for TLS');
  }
  const direct = request.kind === 'direct-tls' ? Buffer.concat([request.bytes, early ?? nothing]) : nothing;
  return { kind: 'encrypt', granted: protocol.grant?.(request) ?? nothing, received: tls ?? direct };
}

const violation = (why: string): AnswerHere => ({ kind: 'violation', why });
