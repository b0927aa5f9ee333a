import { Accumulator } from './accumulator.ts';
import { hasWholeFields, readFrame, typeByte } from './frame.ts';
import { AnswerOpening } from './messages.ts';

/** What a server sent that the driver must not see. `sqlstate` where it stands for an error of the server's own. */
export interface AnswerFault {
  readonly why: string;
  readonly sqlstate: string | null;
}

/** The longest message that a query of the monitor can be answered with is some kilobytes. */
const maxMessageBytes = 262_144;
/** All rows of an answer; the driver keeps them until the last one has come. The longest answers list sessions. */
const maxResultBytes = 4 * 1024 * 1024;

/** All messages of a server without COPY and replication (protocol, "Message Formats"). */
const known = new Set([...'RKSZENTDCIAtns123'].map(typeByte));
const errorResponse = typeByte('E');
const noticeResponse = typeByte('N');
const readyForQuery = typeByte('Z');

/**
 * Watches what a server sends to the monitor, before the driver reads it: pg-protocol's parser waits for any length
 * that is announced, and never returns from an error without its terminators. Something that is not PostgreSQL is told
 * from a slow server at once.
 */
export class AnswerCheck {
  readonly #held = new Accumulator();
  /** Since the server was last ready for a query. */
  #resultBytes = 0;
  #opening: AnswerOpening | null = new AnswerOpening('startup');

  /** Null while all is well. */
  push(chunk: Uint8Array): AnswerFault | null {
    const fault = this.#openingFault(chunk);
    if (fault !== null) return fault;
    this.#held.append(chunk);
    // What the first message is has to be known before its bytes are held to the form of an ordinary one.
    if (this.#opening !== null) return null;
    for (;;) {
      const bytes = this.#held.view();
      const type = bytes[0];
      if (type === undefined) return null;
      if (!known.has(type)) return protocolFault('a message of no known type');
      const header = readFrame(bytes, maxMessageBytes);
      if (header.kind === 'bad') return protocolFault(header.why);
      if (header.kind === 'need-more' || bytes.length < header.frame.length) return null;
      const message = this.#held.take(header.frame.length);
      this.#resultBytes = type === readyForQuery ? 0 : this.#resultBytes + message.length;
      if (this.#resultBytes > maxResultBytes) {
        return protocolFault(`an answer of more than ${maxResultBytes} bytes`);
      }
      if ((type === errorResponse || type === noticeResponse) && !hasWholeFields(message)) {
        return protocolFault('an error that cannot be read');
      }
    }
  }

  #openingFault(chunk: Uint8Array): AnswerFault | null {
    const event = this.#opening?.push(chunk);
    if (event === undefined || event.kind === 'need-more') return null;
    this.#opening = null;
    if (event.kind === 'malformed') return { why: event.why, sqlstate: null };
    return event.kind === 'refused' ? { why: event.message, sqlstate: event.code } : null;
  }
}

const protocolFault = (what: string): AnswerFault => ({ why: `it sent ${what}`, sqlstate: null });
