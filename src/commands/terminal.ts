/** As much of an output stream as the commands look at. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Terminal {
  readonly colours: boolean;
  /** 80 where there is no terminal. */
  readonly columns: number;
  /** Null where there is no terminal: what is printed may be as long as it likes. */
  readonly rows: number | null;
}

const usualColumns = 80;
const usualRows = 24;

/** Where a command's output goes. Some terminals (a serial line, a pipe that plays one) say 0 columns. */
export function terminalOf(
  stream: OutputStream,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Terminal {
  const isTerminal = stream.isTTY === true;
  return {
    colours: wantsColours(isTerminal, env),
    columns: (isTerminal && stream.columns) || usualColumns,
    rows: isTerminal ? stream.rows || usualRows : null,
  };
}

/** `NO_COLOR` (no-color.org) before `FORCE_COLOR` (force-color.org), as `--help` has it; `FORCE_COLOR=0` is a no too. */
function wantsColours(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  if (env.NO_COLOR) return false;
  const forced = env.FORCE_COLOR;
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  return isTerminal && env.TERM !== 'dumb';
}
