export interface SentEvent {
  /** Empty where the event has none. */
  readonly id: string;
  readonly name: string;
  readonly data: string;
}

const maxPendingChars = 1024 * 1024;

/**
 * Reads a stream of server-sent events (WHATWG HTML, 9.2.6), whatever pieces it arrives in. Comments and fields that
 * it does not know are skipped. Throws a `SyntaxError` at an event that has no end within a megabyte.
 */
export class ServerSentEvents {
  #pending = '';

  push(text: string): SentEvent[] {
    const lines = this.#pending + text.replaceAll('\r', '');
    const blocks = lines.split('\n\n');
    this.#pending = blocks.pop() ?? '';
    if (this.#pending.length > maxPendingChars) throw new SyntaxError('an event without an end');
    return blocks.map(parseBlock).filter((event) => event.data !== '');
  }
}

function parseBlock(block: string): SentEvent {
  let id = '';
  let name = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id') id = value;
    if (field === 'event') name = value;
    if (field === 'data') data.push(value);
  }
  return { id, name, data: data.join('\n') };
}
