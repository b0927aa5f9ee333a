import type { ClientError } from '../../base/errors.ts';
import type { Exchange, ExchangeStep, ExchangeTerms } from '../engine.ts';
import { Accumulator } from './accumulator.ts';
import { frameHeaderBytes, readFrame, typeByte } from './frame.ts';
import { refusal } from './messages.ts';

/** An AuthenticationSASL takes under 100 bytes; an error that comes in its place some hundred. */
const maxMessageBytes = 65_536;
/** Mechanisms, with their zero. */
const maxMechanismBytes = 64;

const authentication = typeByte('R');
const notice = typeByte('N');
const negotiateVersion = typeByte('v');
const password = typeByte('p');
const saslCode = 10;

const scram = 'SCRAM-SHA-256';
const scramPlus = 'SCRAM-SHA-256-PLUS';
/** "I could bind to the channel, and think that you cannot" (RFC 5802, section 7). */
const bindsIfOffered = typeByte('y');

/**
 * A login by SCRAM where the client's TLS ends here and the server has TLS of its own (manual, "SCRAM Authentication").
 * The server offers to bind the login to its certificate; a client would bind it to ours, and the server refuse it. So
 * the offer is taken out; a client that then says that it could have bound itself would be refused by the server for a
 * downgrade, in words that nobody understands, and is told what the matter is instead.
 */
export class SaslExchange implements Exchange {
  readonly #fromServer = new Accumulator();
  readonly #fromClient = new Accumulator();
  /** `offer`: the server's methods are due · `choice`: the client's is, without the one that was taken out · `over`. */
  #state: 'offer' | 'choice' | 'over' = 'offer';

  begin(answer: Uint8Array): readonly ExchangeStep[] {
    return this.fromServer(answer);
  }

  fromServer(chunk: Uint8Array): readonly ExchangeStep[] {
    if (this.#state === 'over') return [];
    this.#fromServer.append(chunk);
    // Behind the offer comes nothing but an error: the server's time is over, or it shuts down.
    if (this.#state === 'choice') return toClient(this.#fromServer.takeAll());
    const steps: ExchangeStep[] = [];
    for (;;) {
      const message = this.#nextMessage();
      if (message === 'need-more') return steps;
      if (message === 'none') return this.#done(steps);
      if (message[0] === notice || message[0] === negotiateVersion) {
        steps.push(...toClient(message));
        continue;
      }
      const offered = mechanismsOf(message);
      if (offered === null || !offered.includes(scramPlus))
        return this.#done([...steps, ...toClient(message)]);
      const left = offered.filter((mechanism) => mechanism !== scramPlus);
      if (left.length === 0) return [...steps, ...this.#refuse()];
      this.#state = 'choice';
      steps.push(...toClient(authenticationSasl(left)), ...toClient(this.#fromServer.takeAll()));
      return [...steps, ...this.fromClient(new Uint8Array(0))];
    }
  }

  fromClient(chunk: Uint8Array): readonly ExchangeStep[] {
    if (this.#state === 'over') return [];
    this.#fromClient.append(chunk);
    if (this.#state === 'offer') return [];
    const choice = readChoice(this.#fromClient.view());
    if (choice === 'need-more') return [];
    return choice === 'downgraded' ? this.#refuse() : this.#done([]);
  }

  encrypted(): readonly ExchangeStep[] {
    return [];
  }

  refusal(error: ClientError): Uint8Array {
    return refusal(error, null);
  }

  /** `none`: what comes is no message that this could look at, and goes on as it is. */
  #nextMessage(): Uint8Array | 'need-more' | 'none' {
    const bytes = this.#fromServer.view();
    const type = bytes[0];
    if (type !== undefined && type !== authentication && type !== notice && type !== negotiateVersion) {
      return 'none';
    }
    const header = readFrame(bytes, maxMessageBytes);
    if (header.kind === 'bad') return 'none';
    if (header.kind === 'need-more' || bytes.length < header.frame.length) return 'need-more';
    return this.#fromServer.take(header.frame.length);
  }

  #refuse(): readonly ExchangeStep[] {
    this.#state = 'over';
    return [{ kind: 'refuse', code: 'channel_binding', details: {} }];
  }

  #done(steps: readonly ExchangeStep[]): readonly ExchangeStep[] {
    this.#state = 'over';
    return [
      ...steps,
      ...toClient(this.#fromServer.takeAll()),
      ...toServer(this.#fromClient.takeAll()),
      { kind: 'done' },
    ];
  }
}

/** Nothing has to be seen to where the server's channel is the client's, or the server cannot bind to any. */
export const saslExchange = ({ encrypted, sameCertificate }: ExchangeTerms): Exchange | null =>
  encrypted.server && !(encrypted.client && sameCertificate) ? new SaslExchange() : null;

/** What an AuthenticationSASL message offers; null for any other message. */
function mechanismsOf(message: Uint8Array): readonly string[] | null {
  const [a, b, c, d] = message.subarray(frameHeaderBytes);
  if (message[0] !== authentication || a !== 0 || b !== 0 || c !== 0 || d !== saslCode) return null;
  const text = new TextDecoder('latin1').decode(message.subarray(frameHeaderBytes + 4));
  return text.split('\0').filter((mechanism) => mechanism !== '');
}

function authenticationSasl(mechanisms: readonly string[]): Uint8Array {
  const list = new TextEncoder().encode(`${mechanisms.map((one) => `${one}\0`).join('')}\0`);
  const message = new Uint8Array(frameHeaderBytes + 4 + list.length);
  message[0] = authentication;
  const view = new DataView(message.buffer);
  view.setUint32(1, message.length - 1);
  view.setUint32(frameHeaderBytes, saslCode);
  message.set(list, frameHeaderBytes + 4);
  return message;
}

/**
 * The beginning of a SASLInitialResponse: the mechanism, and the first letter of what the client says in it. Whatever
 * is none goes on to the server, which judges it.
 */
function readChoice(bytes: Uint8Array): 'need-more' | 'downgraded' | 'other' {
  if (bytes.length === 0) return 'need-more';
  if (bytes[0] !== password) return 'other';
  if (bytes.length < frameHeaderBytes) return 'need-more';
  const message = bytes.subarray(0, wholeLength(bytes));
  const undecided = message.length < wholeLength(bytes) ? 'need-more' : 'other';
  const name = message.subarray(frameHeaderBytes, frameHeaderBytes + maxMechanismBytes);
  const end = name.indexOf(0);
  if (end === -1) return name.length < maxMechanismBytes ? undecided : 'other';
  if (new TextDecoder('latin1').decode(name.subarray(0, end)) !== scram) return 'other';
  // The length of what follows stands between.
  const flag = message[frameHeaderBytes + end + 1 + 4];
  if (flag === undefined) return undecided;
  return flag === bindsIfOffered ? 'downgraded' : 'other';
}

const wholeLength = (bytes: Uint8Array): number =>
  1 + ((bytes[1] ?? 0) * 0x1000000 + (bytes[2] ?? 0) * 0x10000 + (bytes[3] ?? 0) * 0x100 + (bytes[4] ?? 0));

const toClient = (bytes: Uint8Array): readonly ExchangeStep[] =>
  bytes.length === 0 ? [] : [{ kind: 'to-client', bytes }];
const toServer = (bytes: Uint8Array): readonly ExchangeStep[] =>
  bytes.length === 0 ? [] : [{ kind: 'to-server', bytes }];
