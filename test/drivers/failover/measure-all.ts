import { makeTempFolder } from '../../../src/demo/temp-folder.ts';
import { mend, type Rig, startRig, startServers } from '../../chaos/rig.ts';
import { type EngineUnderTest, enginesUnderTest } from '../../support/engines-under-test.ts';
import { openScope } from '../../support/scope.ts';
import type { Cleanup } from '../../support/servers.ts';
import { compileJava, type DriverUnderTest, driversUnderTest, type Settings } from './drivers.ts';
import { inject } from './faults.ts';
import { type DriverFault, type DriverRun, runWave } from './measure.ts';

export interface Measurement {
  /** Their names; empty: all. */
  readonly drivers: readonly string[];
  readonly settings: readonly Settings[];
  readonly faults: readonly DriverFault[];
  readonly runs: number;
  /** Two of the three copies have each commit before its client is told. */
  readonly quorum: boolean;
  readonly onProgress: (line: string) => void;
}

export interface Measured {
  /** `PostgreSQL 18.4`. */
  readonly versions: readonly string[];
  readonly runs: readonly DriverRun[];
}

/** Every driver that is installed, the PostgreSQL ones first: real servers, a real Aurelay with default settings. */
export async function measureAll(t: Cleanup, wanted: Measurement): Promise<Measured> {
  const drivers = await installed(t, wanted);
  const classes = await makeTempFolder();
  t.after(() => classes.remove());
  if (drivers.some(({ snippet }) => snippet.startsWith('java/'))) await compileJava(t, classes.path);
  const versions: string[] = [];
  const runs: DriverRun[] = [];
  for (const cluster of ['pg', 'mysql'] as const) {
    const own = drivers.filter((driver) => driver.cluster === cluster);
    // MySQL where there is a server of it, which comes after MariaDB.
    const engine = (await enginesUnderTest()).findLast((known) => known.cluster === cluster);
    if (own.length === 0 || engine === undefined) continue;
    if (engine.skip !== false) {
      wanted.onProgress(`${engine.name} is left out: ${engine.skip}`);
      continue;
    }
    const measured = await measureEngine(engine, own, { ...wanted, classes: classes.path });
    versions.push(...measured.versions);
    runs.push(...measured.runs);
  }
  return { versions, runs };
}

async function installed(t: Cleanup, { drivers, onProgress }: Measurement): Promise<DriverUnderTest[]> {
  const found: DriverUnderTest[] = [];
  for (const driver of driversUnderTest) {
    if (drivers.length > 0 && !drivers.includes(driver.name)) continue;
    const missing = await driver.missing(t);
    if (missing === false) found.push(driver);
    else onProgress(`${driver.title} is left out: ${missing}`);
  }
  return found;
}

interface EngineMeasurement extends Measurement {
  /** Where the compiled Java programs are. */
  readonly classes: string;
}

async function measureEngine(
  engine: EngineUnderTest,
  drivers: readonly DriverUnderTest[],
  wanted: EngineMeasurement,
): Promise<Measured> {
  const { scope, end } = openScope();
  try {
    const servers = await startServers(scope, engine);
    const rig = await startRig(scope, servers, {
      ...{ relayed: false, writer: servers.cluster.instances[0]?.id ?? '' },
      ...(wanted.quorum ? { durability: { copies: 3, write_quorum: 2 } } : {}),
    });
    const version = `${engine.name} ${servers.cluster.version.replace('-MariaDB', '')}`;
    return { versions: [version], runs: await measureRig(rig, drivers, wanted) };
  } finally {
    await end();
  }
}

/** Longer than a turn of the probes, so that each moment between two of them is as likely as any other. */
const jitterMs = 700;

async function measureRig(
  rig: Rig,
  drivers: readonly DriverUnderTest[],
  { faults, settings: allSettings, runs, classes, onProgress }: EngineMeasurement,
): Promise<DriverRun[]> {
  const all: DriverRun[] = [];
  for (let run = 1; run <= runs; run++) {
    for (const fault of faults) {
      for (const settings of allSettings) {
        onProgress(`${rig.engine.name}: ${fault}, ${settings}, ${run} of ${runs}`);
        await mend(rig);
        const done = await runWave(rig, {
          ...{ drivers, settings, fault, classes, pauseMs: Math.random() * jitterMs },
          inject: (writer) => inject(rig, writer, fault),
        });
        for (const { title, gapMs, end } of done) {
          onProgress(`  ${title}: ${gapMs === null ? end : `${Math.round(gapMs)} ms`}`);
        }
        all.push(...done);
      }
    }
  }
  return all;
}
