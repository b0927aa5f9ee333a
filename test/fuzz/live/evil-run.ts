import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { instanceId } from '../../../src/base/brand.ts';
import { messageOf } from '../../../src/base/errors.ts';
import { type Prng, randomIndex, seededPrng } from '../../../src/base/prng.ts';
import { type EngineName, OperationFailed, type Target } from '../../../src/engines/engine.ts';
import { engines } from '../../../src/engines/engines.ts';
import type { WickedServer } from '../../abuse/support/wicked-server.ts';
import { reader, writer } from '../../endpoints/support/view.ts';
import { startup } from '../../proxy/support/postgres-wire.ts';
import { RunningProxy } from '../../proxy/support/running-proxy.ts';
import { defaultTls } from '../../support/default-tls.ts';
import type { Cleanup } from '../../support/servers.ts';
import { pick } from '../bytes.ts';
import { type Script, startEvilServer } from './evil-server.ts';
import { drawScript } from './scripts.ts';

export interface EvilOptions {
  readonly engine: EngineName;
  readonly seed: number;
  readonly forMs: number;
  readonly onProgress?: (line: string) => void;
}

export interface EvilOutcome {
  readonly probes: number;
  readonly operations: number;
  readonly sessions: number;
  /** Lines that a driver wrote to the standard error, past the log. */
  readonly printed: number;
  readonly violations: readonly string[];
}

const atATime = 8;
const timeoutMs = 250;
/** Behind the deadline, on a machine that has other things to do. */
const slackMs = 5_000;
const mostSuspects = 40;

/** Servers that mean no good, and all that Aurelay does with a server: look at it, change it, bring a session to it. */
export async function runEvil(t: Cleanup, options: EvilOptions): Promise<EvilOutcome> {
  const { engine, onProgress = () => {} } = options;
  const prng = seededPrng(options.seed);
  const suspects: string[] = [];
  const violations: string[] = [];
  const next = (): Script => {
    const script = drawScript(engine, prng);
    suspects.push(
      `${script.ending}: ${script.pieces.map((piece) => Buffer.from(piece).toString('hex')).join(' ')}`,
    );
    if (suspects.length > mostSuspects) suspects.shift();
    return script;
  };
  const server = await startEvilServer(next, prng);
  t.after(() => server.stop());
  const strike = (what: string, error: unknown): void => {
    const stack = (error as Error | null)?.stack ?? messageOf(error);
    violations.push(`${what}: ${stack}\nthe servers said last:\n${suspects.slice(-atATime * 2).join('\n')}`);
  };
  const onUncaught = (error: unknown): void => strike('uncaught', error);
  process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught);
  // The MySQL driver prints what it does not understand, packet by packet.
  const { error: printError, trace: printTrace } = console;
  let printed = 0;
  console.error = console.trace = () => {
    printed += 1;
  };
  const target: Target = {
    instance: instanceId('evil'),
    address: { host: '127.0.0.1', port: server.port },
    user: 'aurelay',
    password: 'secret',
    database: 'postgres',
    tls: defaultTls,
  };
  const endAt = performance.now() + options.forMs;
  const counts = { probes: 0, operations: 0, sessions: 0 };
  const isOver = () => performance.now() >= endAt || violations.length > 0;
  const timed = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    const from = performance.now();
    const late = sleep(timeoutMs + slackMs, 'late', { ref: false });
    if ((await Promise.race([work(), late])) === 'late') {
      strike(`${what} did not end in ${Math.round(performance.now() - from)} ms`, new Error('late'));
    }
  };
  const look = async (): Promise<void> => {
    while (!isOver()) {
      const probe = engines[engine].createProbe(target);
      for (let looks = 1 + randomIndex(prng, 3); looks > 0; looks--) {
        counts.probes += 1;
        await timed('a probe', () => probe.probe(timeoutMs)).catch((error: unknown) =>
          strike('a probe threw', error),
        );
      }
      probe.close();
    }
  };
  const change = async (): Promise<void> => {
    while (!isOver()) {
      counts.operations += 1;
      const { name, run } = drawOperation(engine, target, prng);
      await timed(name, run).catch((error: unknown) => {
        if (!(error instanceof OperationFailed)) strike('an operation threw something else', error);
      });
    }
  };
  const ticker = setInterval(() => onProgress(`servers (${engine}): ${JSON.stringify(counts)}`), 10_000);
  try {
    await Promise.all([
      ...Array.from({ length: atATime }, look),
      ...Array.from({ length: 2 }, change),
      visitors(engine, server, prng, isOver, counts, strike),
    ]);
    await sleep(1_500);
    if (server.open > 0) strike(`${server.open} connections were left open`, new Error('left open'));
  } finally {
    clearInterval(ticker);
    Object.assign(console, { error: printError, trace: printTrace });
    process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught);
  }
  return { ...counts, printed, violations };
}

function drawOperation(engine: EngineName, target: Target, prng: Prng): NamedOperation {
  const operations = engines[engine].createOperations(target);
  const nowhere = { host: '127.0.0.1', port: 1 };
  return pick<NamedOperation>(prng, [
    { name: 'promote', run: () => operations.promote(timeoutMs, null) },
    { name: 'fence', run: () => operations.fence(timeoutMs) },
    { name: 'seal', run: () => operations.seal(timeoutMs) },
    { name: 'follow', run: () => operations.follow(nowhere, null, false, timeoutMs) },
  ]);
}

interface NamedOperation {
  readonly name: string;
  readonly run: () => Promise<unknown>;
}

/** Clients whose sessions lead to the evil server, beside one whose session leads to an honest one. */
async function visitors(
  engine: EngineName,
  server: Pick<WickedServer, 'port'>,
  prng: Prng,
  isOver: () => boolean,
  counts: { sessions: number },
  strike: (what: string, error: unknown) => void,
): Promise<void> {
  const endpoints = { evil: writer({ connectTimeoutMs: 400 }), honest: reader() };
  const running = await RunningProxy.start({ engine, endpoints: Object.values(endpoints), holdMs: 400 });
  try {
    const innocent = running.client(endpoints.honest);
    if (engine === 'postgres') innocent.send(startup());
    await innocent.hears(engine === 'postgres' ? 'server' : 'a');
    running.change('w', { port: server.port });
    for (let asked = 0; !isOver(); asked++) {
      counts.sessions += 1;
      const client = running.client(endpoints.evil);
      if (engine === 'postgres') client.send(startup());
      await sleep(20 + randomIndex(prng, 20));
      client.socket.destroy();
      running.clients.splice(running.clients.indexOf(client), 1);
      innocent.send(`question ${asked};`);
      await innocent.hears(`question ${asked};`);
    }
  } catch (error) {
    strike('the innocent session was harmed', error);
  } finally {
    await running.stop();
  }
}
