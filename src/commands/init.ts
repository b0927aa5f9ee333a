import { dirname, resolve } from 'node:path';
import { instanceId } from '../base/brand.ts';
import { messageOf } from '../base/errors.ts';
import { type Address, formatAddress } from '../cluster/instance.ts';
import type { ProbeFailure } from '../cluster/observation.ts';
import type { HostPort } from '../config/address.ts';
import { loadConfig } from '../config/load.ts';
import { checkReport } from '../config/report.ts';
import { type StarterPlan, starterConfig } from '../config/starter.ts';
import type { ServerTls } from '../config/tls.ts';
import { draftOf, nameOfUnseen, portsOf, wordsOnUnseen } from '../discovery/draft.ts';
import { explore } from '../discovery/explore.ts';
import { recogniseEngine } from '../discovery/recognise-engine.ts';
import { grantsFor, topologyJson, topologyText } from '../discovery/report.ts';
import { type Topology, topologyOf, whyNotAutomatic } from '../discovery/topology.ts';
import { addressKey, beginWalk, type Walk, withNamed } from '../discovery/walk.ts';
import type { Engine, EngineName } from '../engines/engine.ts';
import { engines } from '../engines/engines.ts';
import { systemClock } from '../system-clock.ts';
import { CertificateStore } from '../tls/certificate-store.ts';
import type { TlsClient } from '../tls/tls-client.ts';
import { TlsFilesInvalid } from '../tls/tls-files.ts';
import { exitCode } from './exit-codes.ts';
import { freeListenPort } from './init/listen-ports.ts';
import { askPassword, FlagsMissing, InitFailed, type Login, loginOf, missingFlags } from './init/login.ts';
import { FileExists, refuseExisting, writeNewFile } from './init/new-file.ts';
import {
  type InitFlags,
  type InitOptions,
  NotUsable,
  readFlags,
  readMode,
  readName,
  readServerAddress,
} from './init/options.ts';
import { AnswersEnded, type Prompter, prompterOf } from './init/prompter.ts';
import { serverTlsOf } from './init/server-tls.ts';
import { json } from './with-client.ts';

const defaultFile = 'aurelay.yaml';
/** One server; a login that is denied or a refused connection comes at once. */
const serverTimeoutMs = 5_000;
const walkTimeoutMs = 60_000;
const maxServers = 100;
const maxVisits = 400;
/** Wrong passwords that are asked for again. */
const loginTries = 3;

/** From here on the endpoints get the first free ports. */
const usualPorts: Readonly<Record<EngineName, number>> = { postgres: 6432, mysql: 6306 };

/** Discovers a cluster from one of its servers, and writes a first configuration for it. */
export async function init(flags: InitFlags): Promise<void> {
  try {
    const options = readFlags(flags);
    const output = outputOf(options);
    if (output !== null && output !== '-') refuseExisting(output, options.force === true);
    const prompter = prompterOf(process.stdin, process.stderr);
    const missing = prompter === null ? missingFlags(options, process.env) : [];
    if (missing.length > 0) throw new FlagsMissing(missing);
    const found = await discover(options, prompter);
    if (output === null) process.stdout.write(`${json(topologyJson(found.topology))}\n`);
    else await write(found, output, options, prompter);
  } catch (error) {
    process.exitCode = codeOf(error);
    process.stderr.write(
      `aurelay: ${messageOf(error)}${error instanceof AnswersEnded ? '; nothing was written' : ''}\n`,
    );
  }
}

function codeOf(error: unknown): number {
  if (error instanceof FlagsMissing || error instanceof NotUsable) return exitCode.usage;
  if (error instanceof AnswersEnded && error.interrupted) return exitCode.interrupted;
  const isOurs = [InitFailed, FileExists, AnswersEnded, TlsFilesInvalid].some((one) => error instanceof one);
  if (!isOurs && (error as NodeJS.ErrnoException).code === undefined) throw error;
  return exitCode.failed;
}

/** Null: only what was found is wanted. */
function outputOf({ json, output }: InitOptions): string | null {
  if (json && output === '-') {
    throw new InitFailed('--json and --output - both want standard output: give --output a file');
  }
  return json && output === undefined ? null : (output ?? defaultFile);
}

interface Found {
  readonly topology: Topology;
  readonly login: Login;
  readonly database: string | null;
  readonly serverTls: ServerTls;
}

async function discover(options: InitOptions, prompter: Prompter | null): Promise<Found> {
  const serverTls = serverTlsOf(options);
  const tls = clientOf(serverTls);
  const { engine, start } = await startOf(options, prompter);
  const login = await loginOf(options, process.env, prompter);
  const database = engine.name === 'postgres' ? (options.database ?? 'postgres') : null;
  const named = (options.instance ?? []).map(({ name, address }) => ({
    name,
    address: withPort(address, engine.defaultPort),
  }));
  const walk = beginWalk({ start, named, defaultPort: engine.defaultPort, maxServers, maxVisits });
  const reached = await reach(walk, { engine, tls, database, login, prompter });
  const whole = await askForUnseen(reached, { engine, tls, database, prompter });
  const cluster = options.cluster ?? (await askCluster(topologyOf(whole.walk, engine.name, null), prompter));
  return { topology: topologyOf(whole.walk, engine.name, cluster), login: whole.login, database, serverTls };
}

const clientOf = (serverTls: ServerTls): TlsClient =>
  new CertificateStore({ clock: systemClock, onReloaded: () => {}, onTrouble: () => {} }).client(serverTls);

const withPort = ({ host, port }: HostPort, usual: number): Address => ({ host, port: port ?? usual });

/** Where to begin, and what speaks there. */
async function startOf(
  options: InitOptions,
  prompter: Prompter | null,
): Promise<{ readonly engine: Engine; readonly start: Address }> {
  const address =
    options.address ??
    (await prompter?.ask({
      text: 'Address of one of the servers (HOST:PORT)',
      usual: null,
      read: readServerAddress,
    }));
  if (address === undefined) throw new FlagsMissing(['--address HOST:PORT']);
  if (options.engine !== undefined) {
    const engine = engines[options.engine];
    return { engine, start: withPort(address, engine.defaultPort) };
  }
  const tried: string[] = [];
  const all = Object.values(engines);
  for (const port of address.port === null ? all.map(({ defaultPort }) => defaultPort) : [address.port]) {
    const start = { host: address.host, port };
    const recognition = await recogniseEngine(start, all, serverTimeoutMs);
    if (recognition.kind === 'recognised') return { engine: engines[recognition.engine], start };
    tried.push(`${formatAddress(start)}: ${recognition.why}`);
  }
  throw new InitFailed(
    `no PostgreSQL, MySQL or MariaDB server answers: ${tried.join('; ')}. Is the server running, and reached from here? (--engine says what it is)`,
  );
}

interface Going {
  readonly engine: Engine;
  readonly tls: TlsClient;
  readonly database: string | null;
  readonly prompter: Prompter | null;
}

interface Reached {
  readonly walk: Walk;
  readonly login: Login;
}

/** Throws `InitFailed` where the first server cannot be asked; a password that somebody mistyped is asked for again. */
async function reach(walk: Walk, going: Going & { readonly login: Login }): Promise<Reached> {
  let { login } = going;
  for (let tries = 1; ; tries += 1) {
    const result = await go(walk, going, login);
    if (result.servers.size > 0 && failureAtStart(result) === null) return { walk: result, login };
    const failure = failureAtStart(result);
    const address = formatAddress(walk.options.start);
    if (failure === null) throw new InitFailed(`${address} was not asked`);
    if (failure.reason !== 'denied' || !login.typed || tries === loginTries) {
      throw new InitFailed(`${address}: ${failure.detail}${remedy(failure, going, login)}`);
    }
    going.prompter?.tell(`  ${failure.detail}`);
    login = await askPassword(login.user, going.prompter);
  }
}

function failureAtStart({ visits, options }: Walk): ProbeFailure | null {
  const outcome = visits.get(addressKey(options.start))?.outcome;
  return outcome?.kind === 'failed' ? outcome.failure : null;
}

const go = (walk: Walk, { engine, tls, database, prompter }: Going, login: Login): Promise<Walk> =>
  explore(walk, {
    ask: (address) =>
      engine.discover(
        {
          ...{ instance: instanceId('init'), address, tls },
          ...{ user: login.user, password: login.password, database: database ?? '' },
        },
        serverTimeoutMs,
      ),
    now: () => performance.now(),
    mostMs: walkTimeoutMs,
    onVisit: (address) => prompter?.tell(`  looking at ${formatAddress(address)}`),
  });

/** What to do about a first server that lets nobody in. */
function remedy({ detail, reason }: ProbeFailure, { engine, tls }: Going, { user }: Login): string {
  // Wherever TLS was not ruled out, it has been tried.
  if (tls.mode === 'disable' && /no encryption|SSL off|insecure transport/i.test(detail)) {
    return '. The server wants TLS: --server-tls require (or verify-full, with --server-ca)';
  }
  if (/server_tls/.test(detail)) return '. On this command line that is --server-tls and --server-ca';
  if (reason === 'denied') {
    return engine.name === 'postgres'
      ? `. Does ${user} exist there, and does pg_hba.conf let it in from here? docs/servers.md has its CREATE ROLE`
      : `. Does ${user} exist there, for the host that this machine is to the server? docs/servers.md has its CREATE USER`;
  }
  return reason === 'refused' ? '. Is the server running, and listening on that address?' : '';
}

/** A server knows from where a replica comes and not where it listens; a person does. */
async function askForUnseen(reached: Reached, going: Going): Promise<Reached> {
  const { prompter, engine } = going;
  if (prompter === null) return reached;
  let { walk } = reached;
  const asked = new Set<string>();
  for (;;) {
    const { unseen } = topologyOf(walk, engine.name, null);
    const next = unseen.find((one, index) => !asked.has(`${one.teller} ${nameOfUnseen(one, index)}`));
    if (next === undefined) return { ...reached, walk };
    asked.add(`${next.teller} ${nameOfUnseen(next, unseen.indexOf(next))}`);
    const address = await prompter.ask({
      text: `${wordsOnUnseen(next)}\nIts address (HOST:PORT; empty: leave it out)`,
      usual: '',
      read: (text) => (text === '' ? null : readServerAddress(text)),
    });
    if (address === null) continue;
    const named = { name: null, address: withPort(address, engine.defaultPort) };
    walk = await go(withNamed(walk, named), going, reached.login);
  }
}

const askCluster = (topology: Topology, prompter: Prompter | null): Promise<string> | string =>
  prompter === null
    ? topology.cluster
    : prompter.ask({ text: 'What to call the cluster', usual: topology.cluster, read: readName });

async function askMode(
  topology: Topology,
  options: InitOptions,
  prompter: Prompter | null,
): Promise<'automatic' | 'observe'> {
  if (options.mode !== undefined) return options.mode;
  if (prompter === null || whyNotAutomatic(topology) !== null) return 'observe';
  prompter.tell(topologyText(topology));
  return prompter.ask({
    text: 'When the writer is gone, automatic: Aurelay promotes a replica; observe: it changes nothing and follows whoever does',
    usual: 'observe',
    read: readMode,
  });
}

async function write(
  { topology, login, database, serverTls }: Found,
  output: string,
  options: InitOptions,
  prompter: Prompter | null,
): Promise<void> {
  const mode = await askMode(topology, options, prompter);
  const taken = portsOf(topology);
  const host = options.listenHost;
  const adminHost = '127.0.0.1';
  const writer = await freeListenPort(host, options.listenPort ?? usualPorts[topology.engine], taken);
  const reader = await freeListenPort(host, writer + 1, taken);
  const admin = await freeListenPort(adminHost, options.adminPort, new Set([...taken, writer, reader]));
  const plan = draftOf(topology, {
    admin: { host: adminHost, port: admin },
    stateDir: stateDirOf(options, output),
    monitor: { user: login.user, database, password: login.kept },
    serverTls: options.serverTls === undefined && options.serverCa === undefined ? null : serverTls,
    mode,
    writer: { host, port: writer },
    reader: { host, port: reader },
  });
  const text = starterConfig(plan);
  mustLoad(text, output);
  if (output === '-') process.stdout.write(text);
  else await writeNewFile(output, text, options.force === true);
  // Where the file goes to standard output, nothing else does.
  const tell = (words: string) =>
    (output === '-' || options.json ? process.stderr : process.stdout).write(words);
  if (options.json) process.stdout.write(`${json(topologyJson(topology))}\n`);
  else tell(`\n${topologyText(topology)}\n`);
  tell(nextSteps(topology, plan, output, login.typed));
}

/** Nobody is to get a file from us that Aurelay itself refuses. */
function mustLoad(text: string, file: string): void {
  const result = loadConfig({ text, file, env: anyPassword, readFile: () => 'unread' });
  if (result.ok && result.warnings.length === 0) return;
  throw new InitFailed(
    `this is a fault of init: the file that it made is not good, and was not written. Please report it.\n${checkReport(result, { color: false, json: false })}`,
  );
}

const anyPassword = { AURELAY_MONITOR_PASSWORD: 'unread' };

/** Beside a file of one's own; below `/etc` nobody writes state. */
function stateDirOf({ stateDir }: InitOptions, output: string): string {
  if (stateDir !== undefined) return resolve(stateDir);
  const folder = dirname(resolve(output));
  return output === '-' || folder === '/etc' || folder.startsWith('/etc/')
    ? '/var/lib/aurelay'
    : resolve(folder, 'aurelay-state');
}

function nextSteps(topology: Topology, plan: StarterPlan, output: string, typed: boolean): string {
  const file = output === '-' ? 'FILE' : quoted(output);
  const grants = grantsFor(topology, plan.mode);
  const { password } = plan.monitor;
  return [
    ...(output === '-'
      ? []
      : [`Wrote ${output}, which only you may read (0600): give it to the account that runs Aurelay.`]),
    plan.whyObserve === null
      ? plan.mode === 'automatic'
        ? 'failover.mode is automatic: Aurelay promotes a replica when the writer is gone.'
        : 'failover.mode is observe: Aurelay changes no server. With `automatic` it promotes by itself.'
      : `failover.mode is observe, and not automatic: ${plan.whyObserve}.`,
    ...(grants.length === 0
      ? []
      : ['', 'Still to be granted, on the writer:', ...grants.map(({ sql, why }) => `  ${sql} -- ${why}`)]),
    '',
    'Next:',
    ...(password.kind === 'environment' && typed
      ? [`  export ${password.name}=…   # the file refers to it`]
      : []),
    `  aurelay check -c ${file}    # every mistake in the file`,
    `  aurelay doctor -c ${file}   # what on the servers would hurt in a failover`,
    `  aurelay start -c ${file}`,
    '',
  ].join('\n');
}

const quoted = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
