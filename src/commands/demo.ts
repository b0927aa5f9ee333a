import { dirname, join } from 'node:path';
import { startApp } from '../app.ts';
import { messageOf } from '../base/errors.ts';
import { loadConfig } from '../config/load.ts';
import { checkReport } from '../config/report.ts';
import type { Supervisor } from '../control/supervisor.ts';
import { EmbeddedClusterError } from '../demo/cluster.ts';
import { type DemoApp, runDemo } from '../demo/demo.ts';
import { createLogger } from '../logger.ts';
import { release } from '../release.ts';

interface Options {
  readonly engine: 'postgres' | 'mysql' | 'both';
  readonly replicas: number;
  readonly writeQuorum?: number;
  readonly data?: string;
}

export async function demo({ engine, replicas, writeQuorum, data }: Options): Promise<void> {
  if (writeQuorum !== undefined && writeQuorum > replicas + 1) {
    process.stderr.write(
      `aurelay: --write-quorum ${writeQuorum} is more than the ${replicas + 1} copies there are\n`,
    );
    process.exit(2);
  }
  try {
    await runDemo(
      { engine, replicas, writeQuorum: writeQuorum ?? null, data: data ?? null },
      startProxy,
      process.stdout,
    );
    process.exit(0);
  } catch (error) {
    // What a person can mend is told in a sentence; anything else is a fault, and its trace is wanted.
    const words =
      error instanceof EmbeddedClusterError ? messageOf(error) : ((error as Error).stack ?? error);
    process.stderr.write(`aurelay: ${words}\n`);
    process.exit(1);
  }
}

/** Aurelay in this process, its log beside the data. */
async function startProxy(configText: string, supervisor: Supervisor): Promise<DemoApp> {
  const noFiles = (): never => {
    throw new Error('the demo keeps no secrets in files');
  };
  const loaded = loadConfig({ text: configText, file: 'aurelay.yaml', env: {}, readFile: noFiles });
  if (!loaded.ok) throw new Error(checkReport(loaded, { color: false, json: false }));
  const { config } = loaded;
  const directory = dirname(config.stateDir ?? '.');
  const file = join(directory, 'aurelay.log');
  const { logger } = createLogger({
    level: config.log.level,
    format: 'json',
    version: release.version,
    file,
  });
  const impatient = { ...config, shutdown: { drainTimeoutMs: 1_000 } };
  return startApp({
    config: impatient,
    logger,
    release,
    supervisor,
    onFatal: (error) => {
      process.stderr.write(`aurelay: ${messageOf(error)}\n`);
      process.exit(1);
    },
  });
}
