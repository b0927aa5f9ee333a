/** package-lock.json as it concerns those who install Aurelay: nothing of what only its development needs. */

export interface LockedPackage {
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly [field: string]: unknown;
}

export interface Lock {
  readonly name: string;
  readonly version: string;
  /** By folder, `node_modules/…`; the project itself by the empty text. */
  readonly packages: Readonly<Record<string, LockedPackage>>;
  readonly [field: string]: unknown;
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly [field: string]: unknown;
}

/** Without what development, tests and the demo need; what they share with production stays. */
export function productionLock(lock: Lock): Lock {
  const kept = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true);
  const packages = kept.map(
    ([folder, entry]) => [folder, folder === '' ? production(entry) : entry] as const,
  );
  return { ...lock, packages: Object.fromEntries(packages) };
}

/** A manifest, or the lock's copy of it, without its devDependencies. */
export function production<Entry extends object>(manifest: Entry): Entry {
  return Object.fromEntries(Object.entries(manifest).filter(([key]) => key !== 'devDependencies')) as Entry;
}
