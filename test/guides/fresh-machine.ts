import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import type { GuideSystem } from './guide.ts';

/** A Debian that nobody has used yet, in namespaces of its own: its processes, ports and files are nobody else's. */
export interface FreshMachine {
  /** A login shell of root, whose process group it is the head of. */
  openShell(): Shell;
  /** SIGINT to a process group, by the number that it has there. */
  interrupt(group: number): Promise<void>;
  /** A file that its shells find in `sharedFolder`. */
  share(name: string, text: string): Promise<void>;
  /** Ends whatever runs there, and forgets its files. */
  close(): Promise<void>;
}

export type Shell = ChildProcessByStdio<Writable, Readable, Readable>;

/** Where shells find what was shared with them. */
export const sharedFolder = '/run/guide';

const suites: Readonly<Record<GuideSystem, string>> = { 'debian-12': 'bookworm', 'debian-sid': 'sid' };
const packages = ['ca-certificates', 'iproute2', 'libstdc++6', 'procps'];
const programs = { debootstrap: 'debootstrap', unshare: 'util-linux', nsenter: 'util-linux' } as const;
const readyTimeoutMs = 30_000;

/** Why no fresh machine can be had here, each with what to do; none: one can. */
export function whyNoMachine(): readonly string[] {
  const reasons: string[] = [];
  if (process.platform !== 'linux') reasons.push('a fresh Debian needs Linux: run this in a virtual machine');
  if (process.getuid?.() !== 0)
    reasons.push('namespaces and debootstrap need root: run this as root, or with sudo');
  for (const [program, debianPackage] of Object.entries(programs)) {
    if (spawnSync(program, ['--version']).error !== undefined) {
      reasons.push(`${program} is missing: apt-get install ${debianPackage}`);
    }
  }
  return reasons;
}

/** The base system, kept in `cache`: made by debootstrap where it is not there yet, which takes a minute. */
export async function baseSystem(system: GuideSystem, cache: string, mirror: string): Promise<string> {
  const base = join(cache, `${system}-node-${process.version}`);
  if (existsSync(base)) return base;
  const partial = `${base}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(cache, { recursive: true });
  const options = ['--variant=minbase', `--include=${packages.join(',')}`];
  // Whatever it mounts there is gone with it, however it ends.
  await succeed('unshare', ['--mount', 'debootstrap', ...options, suites[system], partial, mirror]);
  await copyNode(partial);
  await writeFile(join(partial, 'etc/hosts'), '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 db\n');
  // As in a container: there is no service manager, so that packages start nothing.
  await writeFile(join(partial, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const viaNetwork = '#!/bin/sh\nexec nsenter --net=/run/network /usr/bin/apt-get "$@"\n';
  await writeFile(join(partial, 'usr/local/sbin/apt-get'), viaNetwork, { mode: 0o755 });
  await rename(partial, base);
  return base;
}

/** Node.js and npm as this process has them. */
async function copyNode(root: string): Promise<void> {
  await cp(process.execPath, join(root, 'usr/local/bin/node'));
  const npm = ['../lib/node_modules/npm', '../share/nodejs/npm']
    .map((path) => join(dirname(process.execPath), path))
    .find((path) => existsSync(path));
  if (npm === undefined) throw new Error(`there is no npm beside ${process.execPath}`);
  await cp(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
  const launcher = '#!/bin/sh\nexec node /usr/local/lib/node_modules/npm/bin/npm-cli.js "$@"\n';
  await writeFile(join(root, 'usr/local/bin/npm'), launcher, { mode: 0o755 });
}

export interface MachineOptions {
  readonly base: string;
  /** A folder in which npm finds every package that is installed there. */
  readonly npmCache: string;
  /** The registry that these came from. */
  readonly npmRegistry: string;
  /** Packages that apt-get need not load again are kept here. */
  readonly debCache: string;
  /** Files that lie in the reader's home folder. */
  readonly homeFiles: readonly string[];
}

export async function startFreshMachine(options: MachineOptions): Promise<FreshMachine> {
  const folder = await makeTempFolder();
  const archives = join(folder.path, 'changes/var/cache/apt/archives');
  await mkdir(join(folder.path, 'changes/root'), { recursive: true });
  await mkdir(join(archives, 'partial'), { recursive: true });
  await mkdir(options.npmCache, { recursive: true });
  await copyDebs(options.debCache, archives);
  await writeFile(join(folder.path, 'apt.conf'), aptSettings());
  for (const file of options.homeFiles) await cp(file, join(folder.path, 'changes/root', basename(file)));

  const namespaces = ['--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child'];
  const script = join(import.meta.dirname, 'machine.sh');
  const init = spawn(
    'unshare',
    [...namespaces, 'bash', script, options.base, folder.path, options.npmCache],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  init.stdin.on('error', () => {});
  const ended = new Promise<void>((resolve) => init.once('exit', () => resolve()));
  const end = async (): Promise<void> => {
    init.stdin.end();
    const stubborn = setTimeout(() => init.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(stubborn);
    await copyDebs(archives, options.debCache);
    await folder.remove();
  };
  try {
    await once(init.stdout, 'data', { signal: AbortSignal.timeout(readyTimeoutMs) });
  } catch {
    await end();
    throw new Error('the machine did not start; what it said is above');
  }
  const first = (await readFile(`/proc/${init.pid}/task/${init.pid}/children`, 'utf8')).trim();
  const inside = ['--target', first, '--mount', '--pid', '--net', '--uts', '--ipc', '--root', '--wd'];
  const env = shellEnvironment(options);
  return {
    openShell: () => {
      const bash = ['bash', '--noprofile', '--norc', '--noediting', '-i'];
      return spawn('nsenter', [...inside, 'setsid', 'env', '--chdir=/root', ...bash], { env, stdio: 'pipe' });
    },
    interrupt: (group) => succeed('nsenter', [...inside, 'kill', '-INT', '--', `-${group}`]),
    share: (name, text) => writeFile(join(folder.path, 'shared', name), text),
    close: end,
  };
}

const shellEnvironment = ({ npmRegistry }: MachineOptions): NodeJS.ProcessEnv => ({
  HOME: '/root',
  USER: 'root',
  LOGNAME: 'root',
  LANG: 'C.UTF-8',
  TERM: 'dumb',
  PS1: '',
  PS2: '',
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  DEBIAN_FRONTEND: 'noninteractive',
  npm_config_cache: '/var/cache/npm',
  npm_config_offline: 'true',
  npm_config_registry: npmRegistry,
  npm_config_update_notifier: 'false',
});

/** How this machine's apt reaches its mirror, where that is not the usual way. */
function aptSettings(): string {
  const { stdout } = spawnSync('apt-config', ['dump'], { encoding: 'utf8' });
  return `${(stdout ?? '')
    .split('\n')
    .filter((line) => /^Acquire::(https?|ftp|Check|Retries)/.test(line))
    .join('\n')}\n`;
}

async function copyDebs(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  const there = new Set(await readdir(to));
  for (const name of await readdir(from).catch(() => [])) {
    if (name.endsWith('.deb') && !there.has(name)) await cp(join(from, name), join(to, name));
  }
}

async function succeed(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${output}`);
}
