import { instanceId } from '../../base/brand.ts';
import { type Address, formatAddress } from '../../cluster/instance.ts';
import type { ProbeFailure } from '../../cluster/observation.ts';
import type { HostPort } from '../../config/address.ts';
import type { ServerTls } from '../../config/tls.ts';
import { wordsOnUnseen } from '../../discovery/draft.ts';
import { explore } from '../../discovery/explore.ts';
import { recogniseEngine } from '../../discovery/recognise-engine.ts';
import { type Missing, type Topology, topologyOf } from '../../discovery/topology.ts';
import { addressKey, beginWalk, type Walk, withNamed } from '../../discovery/walk.ts';
import type { Engine } from '../../engines/engine.ts';
import { engines } from '../../engines/engines.ts';
import { systemClock } from '../../system-clock.ts';
import { CertificateStore } from '../../tls/certificate-store.ts';
import type { TlsClient } from '../../tls/tls-client.ts';
import { askPassword, FlagsMissing, InitFailed, type Login, loginOf } from './login.ts';
import { isAnswered, OpenQuestions } from './open-questions.ts';
import { type InitOptions, readName, readServerAddress } from './options.ts';
import type { Prompter } from './prompter.ts';
import { serverTlsOf } from './server-tls.ts';

/** One server; a login that is denied or a refused connection comes at once. */
const serverTimeoutMs = 5_000;
const walkTimeoutMs = 60_000;
const maxServers = 100;
const maxVisits = 400;
/** Wrong passwords that are asked for again. */
const loginTries = 3;

/** What came of it, and what it took. */
export interface Found {
  readonly topology: Topology;
  readonly login: Login;
  readonly database: string | null;
  readonly serverTls: ServerTls;
}

/**
 * Finds a cluster from one of its servers, with the questions that a person can answer. Throws `InitFailed`,
 * `FlagsMissing` or `AnswersEnded`.
 */
export async function findCluster(options: InitOptions, prompter: Prompter | null): Promise<Found> {
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
  const unseenIn = (walk: Walk): readonly Missing[] => topologyOf(walk, engine.name, null).unseen;
  const questions = new OpenQuestions();
  let { walk } = reached;
  for (;;) {
    const before = unseenIn(walk);
    const next = questions.next(before);
    if (next === null) return { ...reached, walk };
    const address = await prompter.ask({
      text: `${wordsOnUnseen(next)}\nIts address (HOST:PORT; empty: leave it out)`,
      usual: '',
      read: (text) => (text === '' ? null : readServerAddress(text)),
    });
    if (address !== null) {
      const named = { name: null, address: withPort(address, engine.defaultPort) };
      walk = await go(withNamed(walk, named), going, reached.login);
      if (isAnswered(next, before, unseenIn(walk))) continue;
      prompter.tell(`  no such replica was found at ${formatAddress(named.address)}`);
    }
    questions.close(next);
  }
}

const askCluster = (topology: Topology, prompter: Prompter | null): Promise<string> | string =>
  prompter === null
    ? topology.cluster
    : prompter.ask({ text: 'What to call the cluster', usual: topology.cluster, read: readName });
