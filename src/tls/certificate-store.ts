import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { ServerTls } from '../config/tls.ts';
import { TlsClient } from './tls-client.ts';
import {
  type Expiry,
  keyOf,
  pathsOf,
  readMaterial,
  type TlsFiles,
  TlsFilesInvalid,
  type TlsMaterial,
  unreadable,
} from './tls-files.ts';
import { TlsIdentity } from './tls-identity.ts';

export interface CertificateStoreOptions {
  readonly clock: Clock;
  /** Files were read anew, and new connections use them. */
  readonly onReloaded: (paths: readonly string[]) => void;
  /** Changed files are no good, and what was read before stays in use. Told once for each reason. */
  readonly onTrouble: (why: string, paths: readonly string[]) => void;
}

/** From one look at the files to the next; new ones come days before the old ones expire. */
const lookMs = 10_000;

/**
 * The certificates, keys and authorities of this process: read when they are first asked for, and again when they
 * change on disk. Whoever has a client or an identity from here has the newest that was good.
 */
export class CertificateStore {
  readonly #options: CertificateStoreOptions;
  readonly #entries = new Map<string, Entry>();
  #timer: Timer | null = null;
  #looking: Promise<readonly string[]> | null = null;
  #stopped = false;

  constructor(options: CertificateStoreOptions) {
    this.#options = options;
  }

  /** Throws `TlsFilesInvalid`. */
  client(settings: ServerTls): TlsClient {
    const { ca, certificate, key } = settings;
    const entry = this.#open({ ca, certificate, key });
    return new TlsClient(settings, () => entry.material);
  }

  /** Throws `TlsFilesInvalid`. */
  identity(files: { readonly certificate: string; readonly key: string }): TlsIdentity {
    const entry = this.#open({ ca: null, certificate: files.certificate, key: files.key });
    return new TlsIdentity(() => entry.material);
  }

  /** When each file's certificates expire: the first of a chain, the last of several authorities. */
  expiries(): readonly Expiry[] {
    const byFile = new Map<string, Expiry>();
    for (const { material } of this.#entries.values()) {
      for (const expiry of material.expiries) byFile.set(expiry.file, expiry);
    }
    return [...byFile.values()];
  }

  /** Looks at the files every ten seconds from now on. */
  start(): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.after(lookMs, () => {
      void this.#look(false).then(() => this.start());
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Reads every file now, changed or not. Resolves to what is wrong with them; never rejects. */
  async reload(): Promise<readonly string[]> {
    await this.#looking;
    return this.#look(true);
  }

  /** Forgets the files that nobody has any more: those that `isUsed` refuses. */
  retain(isUsed: (files: TlsFiles) => boolean): void {
    for (const [key, { files }] of this.#entries) if (!isUsed(files)) this.#entries.delete(key);
  }

  #open(files: TlsFiles): Entry {
    const key = keyOf(files);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const contents = new Map(pathsOf(files).map((path) => [path, readNow(path)]));
    const entry = { files, material: readMaterial(files, contents), contents, trouble: null };
    this.#entries.set(key, entry);
    return entry;
  }

  #look(anyway: boolean): Promise<readonly string[]> {
    const looking = this.#refreshAll(anyway).finally(() => {
      this.#looking = null;
    });
    this.#looking = looking;
    return looking;
  }

  async #refreshAll(anyway: boolean): Promise<readonly string[]> {
    const troubles: string[] = [];
    for (const entry of [...this.#entries.values()]) {
      await this.#refresh(entry, anyway);
      if (entry.trouble !== null) troubles.push(entry.trouble);
    }
    return troubles;
  }

  /** By contents and not by time of change: that is what matters, and the files are few and small. */
  async #refresh(entry: Entry, anyway: boolean): Promise<void> {
    const paths = pathsOf(entry.files);
    try {
      const contents = new Map(
        await Promise.all(paths.map(async (path) => [path, await read(path)] as const)),
      );
      if (!anyway && entry.trouble === null && sameContents(contents, entry.contents)) return;
      const changed = !sameContents(contents, entry.contents);
      entry.material = readMaterial(entry.files, contents);
      entry.contents = contents;
      entry.trouble = null;
      if (changed) this.#options.onReloaded(paths);
    } catch (error) {
      const why = messageOf(error);
      const isNews = entry.trouble !== why;
      entry.trouble = why;
      if (isNews) this.#options.onTrouble(why, paths);
    }
  }
}

interface Entry {
  readonly files: TlsFiles;
  material: TlsMaterial;
  /** What `material` was made of. */
  contents: ReadonlyMap<string, string>;
  /** Why the files as they are now cannot be used; null: they are in use. */
  trouble: string | null;
}

const sameContents = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean =>
  [...a].every(([path, content]) => b.get(path) === content);

/** The largest bundles of public authorities have some hundred kilobytes. */
const mostBytes = 4 * 1024 * 1024;

async function read(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > mostBytes) throw tooLarge(path);
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}

function readNow(path: string): string {
  try {
    const content = readFileSync(path, 'utf8');
    if (content.length > mostBytes) throw tooLarge(path);
    return content;
  } catch (error) {
    throw unreadable(path, error);
  }
}

const tooLarge = (path: string): TlsFilesInvalid =>
  new TlsFilesInvalid(path, `is larger than ${mostBytes} bytes`);
