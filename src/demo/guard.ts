import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { processesIn, runningServer, signalProcess } from './running-server.ts';

/** Something that must not outlive this process, whatever ends it. */
export type Guarded =
  /** The server of this data directory, with all of its processes. */
  | { readonly kind: 'server'; readonly dataDirectory: string; readonly pidFile: string }
  /** A temporary folder, removed after the servers are gone. */
  | { readonly kind: 'folder'; readonly directory: string };

const guarded = new Set<Guarded>();
let shell: ChildProcess | null = null;

/**
 * Cleans `thing` up if this process ends without doing so: at `exit` in this process itself, and after `kill -9` from a
 * small shell that waits for our end of a pipe to close. Returns the function that lifts the guard.
 */
export function guard(thing: Guarded): () => void {
  if (guarded.size === 0) process.on('exit', cleanUp);
  guarded.add(thing);
  tellShell();
  return () => {
    if (!guarded.delete(thing)) return;
    tellShell();
    if (guarded.size === 0) process.off('exit', cleanUp);
  };
}

function cleanUp(): void {
  for (const thing of guarded) {
    if (thing.kind !== 'server') continue;
    const server = runningServer(thing.pidFile, thing.dataDirectory);
    for (const pid of [...(server === null ? [] : [server]), ...processesIn(thing.dataDirectory)]) {
      signalProcess(pid, 'SIGKILL');
    }
  }
  for (const thing of guarded) {
    if (thing.kind === 'folder') removeFolder(thing.directory);
  }
}

function removeFolder(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  } catch {
    // The shell tries again after us.
  }
}

/**
 * Reads `begin`, lines of kind, directory and pid file between tabs, `end`, and keeps the last complete list. At the
 * end of its input it cleans up what is on that list, which is nothing after an orderly end.
 */
const script = `
trap '' INT TERM HUP
tab=$(printf '\\t')
next=''
list=''
while IFS= read -r line; do
  case $line in
    begin) next='' ;;
    end) list=$next ;;
    *) next="$next$line
" ;;
  esac
done
each() {
  printf '%s' "$list" | while IFS="$tab" read -r kind directory pidfile; do "$1"; done
}
stop_server() {
  [ "$kind" = server ] || return 0
  if [ -d /proc/self ]; then
    ls -ld /proc/[0-9]*/cwd 2>/dev/null | while IFS= read -r line; do
      case $line in *" -> $directory") ;; *) continue ;; esac
      pid=\${line#*/proc/}
      pid=\${pid%%/*}
      case $(cat "/proc/$pid/comm" 2>/dev/null) in
        postgres|mariadbd|mysqld|initdb) kill -9 "$pid" 2>/dev/null ;;
      esac
    done
  elif pid=$(head -n 1 "$pidfile" 2>/dev/null) && [ -n "$pid" ]; then
    case $(ps -o command= -p "$pid" 2>/dev/null) in
      *"$directory"*) kill -9 "$pid" ;;
    esac
  fi
}
remove_folder() {
  [ "$kind" = folder ] || return 0
  for attempt in 1 2 3 4 5; do
    rm -rf -- "$directory" 2>/dev/null && return 0
    sleep 0.2
  done
}
each stop_server
each remove_folder
`;

function tellShell(): void {
  shell ??= startShell();
  const lines = [...guarded].map((thing) =>
    thing.kind === 'server'
      ? ['server', thing.dataDirectory, thing.pidFile].join('\t')
      : ['folder', thing.directory].join('\t'),
  );
  shell.stdin?.write(['begin', ...lines, 'end', ''].join('\n'));
  if (guarded.size > 0) return;
  shell.stdin?.end();
  shell = null;
}

function startShell(): ChildProcess {
  const child = spawn('/bin/sh', ['-c', script], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    // A session of its own: a closed terminal must not take it along with us.
    detached: true,
  });
  child.on('error', () => {});
  child.stdin?.on('error', () => {});
  child.unref();
  (child.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return child;
}
