import { readFileSync } from 'node:fs';
import { messageOf } from './base/errors.ts';

/** What runs. */
export interface Release {
  /** Of package.json. */
  readonly version: string;
  /** The commit that it was compiled from, or what whoever compiled it said; `source`: it runs from a checkout. */
  readonly build: string;
  /** When that commit was made, ISO 8601, UTC; null where nobody said. */
  readonly date: string | null;
}

/** What `scripts/stamp-build.ts` writes beside the compiled code. */
export type BuildStamp = Omit<Release, 'version'>;

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

/** package.json stands one folder above both `src/` and `dist/`; the stamp only in `dist/`. */
export const release: Release = {
  version: (read('../package.json') as { version: string }).version,
  ...(import.meta.url.endsWith('.ts') ? { build: 'source', date: null } : stamp()),
};

function stamp(): BuildStamp {
  try {
    return read('./build.json') as BuildStamp;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { build: 'unknown', date: null };
    throw new Error(`dist/build.json cannot be read (${messageOf(error)}): install Aurelay again`);
  }
}

/** `0.1.0 (build 0743da6, 2026-11-23, node v20.20.2, relay native)`. */
export function releaseLine({ version, build, date }: Release, node: string, relay: string): string {
  const day = date === null ? [] : [date.slice(0, 10)];
  return `${version} (${[`build ${build}`, ...day, `node ${node}`, `relay ${relay}`].join(', ')})`;
}
