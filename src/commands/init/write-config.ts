import { dirname, resolve } from 'node:path';
import { loadConfig } from '../../config/load.ts';
import { checkReport } from '../../config/report.ts';
import { type StarterPlan, starterConfig } from '../../config/starter.ts';
import { draftOf, portsOf } from '../../discovery/draft.ts';
import { grantsFor, topologyJson, topologyText } from '../../discovery/report.ts';
import { type Topology, whyNotAutomatic } from '../../discovery/topology.ts';
import type { EngineName } from '../../engines/engine.ts';
import { json } from '../with-client.ts';
import type { Found } from './find-cluster.ts';
import { freeListenPort } from './listen-ports.ts';
import { InitFailed, passwordVariable } from './login.ts';
import { writeNewFile } from './new-file.ts';
import { type InitOptions, readMode } from './options.ts';
import type { Prompter } from './prompter.ts';

/** From here on the endpoints get the first free ports. */
const usualPorts: Readonly<Record<EngineName, number>> = { postgres: 6432, mysql: 6306 };

/** `isShown`: the person has seen what was found, to decide by. */
async function askMode(
  topology: Topology,
  options: InitOptions,
  prompter: Prompter | null,
): Promise<{ readonly mode: 'automatic' | 'observe'; readonly isShown: boolean }> {
  if (options.mode !== undefined) return { mode: options.mode, isShown: false };
  if (prompter === null || whyNotAutomatic(topology) !== null) return { mode: 'observe', isShown: false };
  prompter.tell(`\n${topologyText(topology)}\nWhen the writer is gone,`);
  prompter.tell('  automatic: Aurelay promotes a replica;');
  prompter.tell('  observe: it changes nothing, and follows whoever does (you, Patroni, a managed service).');
  const mode = await prompter.ask({ text: 'Mode', usual: 'observe', read: readMode });
  return { mode, isShown: true };
}

/** Writes the configuration of what was found, and tells what to do next. */
export async function writeConfig(
  { topology, login, database, serverTls }: Found,
  output: string,
  options: InitOptions,
  prompter: Prompter | null,
): Promise<void> {
  const { mode, isShown } = await askMode(topology, options, prompter);
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
  else tell(isShown ? '\n' : `\n${topologyText(topology)}\n`);
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

const anyPassword = { [passwordVariable]: 'unread' };

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
