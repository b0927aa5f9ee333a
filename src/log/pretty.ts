import { commonFields } from './fields.ts';

export interface PrettyOptions {
  readonly colours: boolean;
}

const colourOf: Readonly<Record<string, number>> = { debug: 90, info: 36, warn: 33, error: 31, fatal: 35 };
const grey = 90;

/**
 * A line of the log for a person at a terminal: `12:00:00.123 WARN  writer.suspected  orders-1 does not answer
 * cluster=orders`. What is no JSON stays as it is. A stack trace follows on lines of its own.
 */
export function prettyLine(json: string, { colours }: PrettyOptions): string {
  const fields = parsed(json);
  if (fields === null) return json;
  const paint = (text: string, colour: number): string =>
    colours ? `\u001b[${colour}m${text}\u001b[0m` : text;
  const { time, level, event, message, 'exception.stacktrace': trace, ...others } = fields;
  const rest = Object.entries(others)
    .filter(([name, value]) => !(name in commonFields) && value !== null)
    .map(([name, value]) => `${name}=${inWords(value)}`)
    .join(' ');
  const head = [
    paint(clockOf(time), grey),
    paint(String(level).toUpperCase().padEnd(5), colourOf[String(level)] ?? grey),
    String(event),
  ].join(' ');
  const tail = rest === '' ? '' : `  ${paint(printable(rest), grey)}`;
  const stack = typeof trace === 'string' && trace !== '' ? `\n${indented(trace)}` : '';
  return `${head}  ${printable(String(message ?? ''))}${tail}${stack}\n`;
}

function parsed(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** The time of day; whoever looks at a terminal knows the date. */
const clockOf = (time: unknown): string => /T([\d:.]+)/.exec(String(time))?.[1] ?? String(time);

/** As it stands, where that is one word. */
const inWords = (value: unknown): string =>
  typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);

const indented = (trace: string): string =>
  trace
    .split('\n')
    .map((line) => `    ${printable(line)}`)
    .join('\n');

/** Words of clients and servers are not to move the cursor, or colour what follows. */
const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to go
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
