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

/**
 * As if those of the development dependencies that are compiled into what is shipped were installed with it: whoever gets it
 * gets them, and an SBOM has to name them.
 */
export function withBundled(lock: Lock, bundled: readonly string[]): Lock {
  const entries = Object.entries(lock.packages).map(([folder, entry]) => {
    if (folder === '') return [folder, dependingOn(entry, lock, bundled)] as const;
    const isBundled = bundled.some((name) => folder === `node_modules/${name}`);
    // What it depends on is bundled too, and then named beside it, or is not shipped.
    return [folder, isBundled ? { ...entry, dev: false, dependencies: undefined } : entry] as const;
  });
  return { ...lock, packages: Object.fromEntries(entries) };
}

/** A manifest, or the lock's copy of it, with these among its dependencies. */
export function dependingOn<Entry extends { readonly [field: string]: unknown }>(
  manifest: Entry,
  { packages }: Lock,
  names: readonly string[],
): Entry {
  const more = names.map((name) => {
    const locked = packages[`node_modules/${name}`];
    if (locked === undefined) throw new Error(`${name} is bundled, and not in package-lock.json`);
    return [name, locked.version] as const;
  });
  return { ...manifest, dependencies: { ...Object(manifest.dependencies), ...Object.fromEntries(more) } };
}

/** The packages that the dashboard has in it, by the file of their licences; none where it was not built. */
export function bundledIn(licences: string): readonly string[] {
  return [...licences.matchAll(/^((?:@[\w.-]+\/)?[\w.-]+) \d+\.\d+\.\d+\S*\n\n/gm)].map(
    ([, name = '']) => name,
  );
}

/** A manifest, or the lock's copy of it, without its devDependencies. */
export function production<Entry extends object>(manifest: Entry): Entry {
  return Object.fromEntries(Object.entries(manifest).filter(([key]) => key !== 'devDependencies')) as Entry;
}
