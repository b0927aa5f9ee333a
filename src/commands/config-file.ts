import { readFileSync, watch } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type LoadResult, loadConfig } from '../config/load.ts';
import type { ConfigSource } from '../reload.ts';
import { inspectTlsFiles } from '../tls/inspect-files.ts';

/** Editors write in several steps. */
const quietMs = 200;
/** How long a file that is written all the time may keep from being read. */
const mostMs = 2_000;
/** A folder that cannot be watched (it was replaced) is tried again after so long. */
const watchAgainMs = 5_000;

/** A configuration file. A relative path in it is meant from where it is. */
export function configFile(file: string): ConfigSource {
  const load = (): LoadResult => {
    const text = readFileSync(file, 'utf8');
    const resolvePath = (path: string): string => resolve(dirname(file), path);
    const readFile = (path: string): string => readFileSync(resolvePath(path), 'utf8');
    return loadConfig({
      ...{ text, file, env: process.env, readFile, resolvePath },
      inspectTlsFiles: (files) => inspectTlsFiles(files, resolvePath, Date.now()),
    });
  };
  return { load, watch: (onChange) => watchFile(file, onChange) };
}

/**
 * Calls `onChange` after the content of `file` has changed. The folder is what is watched: editors, and Kubernetes for a
 * mounted ConfigMap (through the link `..data`), put another file in the place of the old one.
 */
export function watchFile(file: string, onChange: () => void): () => void {
  let seen = contentOf(file);
  let stop: () => void = () => {};
  let quiet: NodeJS.Timeout | undefined;
  let again: NodeJS.Timeout | undefined;
  let since: number | null = null;
  const look = (): void => {
    since = null;
    const content = contentOf(file);
    if (content === null || content === seen) return;
    seen = content;
    onChange();
  };
  const soon = (): void => {
    since ??= performance.now();
    clearTimeout(quiet);
    const waited = performance.now() - since;
    quiet = setTimeout(look, Math.max(0, Math.min(quietMs, mostMs - waited))).unref();
  };
  const begin = (): void => {
    try {
      const watcher = watch(dirname(resolve(file)), { persistent: false }, soon);
      stop = () => watcher.close();
      watcher.on('error', () => {
        stop();
        retry();
      });
    } catch {
      retry();
    }
  };
  const retry = (): void => {
    again = setTimeout(() => {
      begin();
      soon();
    }, watchAgainMs).unref();
  };
  begin();
  return () => {
    stop();
    clearTimeout(quiet);
    clearTimeout(again);
  };
}

/** Null while it is not there: it may be on its way. */
function contentOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
