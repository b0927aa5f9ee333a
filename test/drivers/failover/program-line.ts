/** A line that a writing program printed. */
export type ProgramLine =
  | { readonly kind: 'driver'; readonly version: string }
  /** The row of this number was acknowledged. */
  | { readonly kind: 'ack'; readonly number: number }
  /** `error`: a row was given up. `again`: it is tried again. */
  | { readonly kind: 'error' | 'again'; readonly code: string; readonly message: string }
  | { readonly kind: 'other'; readonly text: string };

/** psql says its SQLSTATE behind the severity, where it has one. */
const psqlState = /(?:ERROR|FATAL): {2}([0-9A-Z]{5}):/;

/** What the program says is on its standard output, what the recommended code says on its standard error. */
const patterns = { stdout: /^(driver|ack|error) (.*)$/, stderr: /^(again): (.*)$/ } as const;

export function parseLine(stream: keyof typeof patterns, text: string): ProgramLine {
  const [, word, rest = ''] = patterns[stream].exec(text) ?? [];
  switch (word) {
    case 'driver':
      return { kind: 'driver', version: rest };
    case 'ack':
      return { kind: 'ack', number: Number(rest) };
    case 'error':
    case 'again': {
      const state = psqlState.exec(rest)?.[1];
      const [code = '', ...message] = rest.split(' ');
      return { kind: word, code: state ?? code, message: message.join(' ') };
    }
    default:
      return { kind: 'other', text };
  }
}
