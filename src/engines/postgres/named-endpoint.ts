import type { ClientRequest, NamedRequest } from '../engine.ts';
import { isSpace, readCommandLine } from './command-line.ts';

/** The setting by which a client without TLS says which endpoint it wants. */
const settingName = 'aurelay.endpoint';
const headerBytes = 8;

interface Parameter {
  readonly name: string;
  readonly value: string;
}

/**
 * Takes `aurelay.endpoint` out of a startup message: out of `options` (`-c aurelay.endpoint=reader` and its other
 * spellings), and where it is a parameter of its own. The last one counts, and one of its own counts more, as with any
 * setting on a server. Everything else stays as it is.
 */
export function namedEndpoint(request: ClientRequest): NamedRequest {
  if (request.kind !== 'startup') return { name: null, request };
  // Characters stand for bytes: the encoding is the client's.
  const parameters = readParameters(Buffer.from(request.bytes).toString('latin1', headerBytes));
  let fromOptions: string | null = null;
  let ofItsOwn: string | null = null;
  let changed = false;
  const kept: Parameter[] = [];
  for (const parameter of parameters) {
    if (parameter.name.toLowerCase() === settingName) {
      ofItsOwn = parameter.value;
      changed = true;
    } else if (parameter.name === 'options') {
      const { name, left } = takeOut(parameter.value);
      // A later `options` takes the place of an earlier one.
      fromOptions = name;
      changed ||= left !== parameter.value;
      if (left !== '' || parameter.value === '') kept.push({ name: 'options', value: left });
    } else kept.push(parameter);
  }
  const name = ofItsOwn ?? fromOptions;
  return { name, request: changed ? { kind: 'startup', bytes: rebuild(request.bytes, kept) } : request };
}

/** Of a message whose layout the decoder has checked: pairs of terminated strings, and a terminator. */
function readParameters(text: string): readonly Parameter[] {
  const strings = text.split('\0');
  const parameters: Parameter[] = [];
  for (let index = 0; strings[index]; index += 2) {
    parameters.push({ name: strings[index] ?? '', value: strings[index + 1] ?? '' });
  }
  return parameters;
}

function takeOut(options: string): { readonly name: string | null; readonly left: string } {
  let name: string | null = null;
  let left = '';
  let at = 0;
  /** Where the last word that is kept ends in `left`. */
  let end = 0;
  for (const { setting, from, to, before } of readCommandLine(options)) {
    if (setting?.name !== settingName) {
      end = left.length + to - at;
      continue;
    }
    name = setting.value;
    // Of the space around it, that before it stays, where something follows or stays of the word.
    left += options.slice(at, from) + before;
    at = to;
    if (before === '') while (isSpace(options.charCodeAt(at))) at++;
    else end = left.length;
    if (at === options.length) left = left.slice(0, end);
  }
  return { name, left: left + options.slice(at) };
}

function rebuild(original: Uint8Array, parameters: readonly Parameter[]): Uint8Array {
  const body = parameters.map(({ name, value }) => `${name}\0${value}\0`).join('');
  const bytes = Buffer.concat([original.subarray(0, headerBytes), Buffer.from(`${body}\0`, 'latin1')]);
  bytes.writeUInt32BE(bytes.length, 0);
  return new Uint8Array(bytes);
}
