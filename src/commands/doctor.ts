import { clusterId } from '../base/brand.ts';
import { messageOf } from '../base/errors.ts';
import { formatAddress } from '../cluster/instance.ts';
import type { Config } from '../config/config.ts';
import { checkReport } from '../config/report.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import { reportJson, reportText } from '../diagnosis/report.ts';
import type { MachineSubject } from '../diagnosis/subject.ts';
import { systemClock } from '../system-clock.ts';
import { CertificateStore } from '../tls/certificate-store.ts';
import { lookAtCertificates } from './doctor/certificates.ts';
import { lookAtListeners } from './doctor/listeners.ts';
import { listensOfRunning } from './doctor/running.ts';
import { lookAtStateDir } from './doctor/state-dir.ts';
import { surveyClusters } from './doctor/survey-clusters.ts';
import { exitCode } from './exit-codes.ts';
import { openFilesAllowed, openFilesNeeded } from './open-files.ts';
import { readConfig } from './read-config.ts';
import { terminalOf } from './terminal.ts';

export interface DoctorOptions {
  readonly config: string;
  readonly cluster?: string;
  /** Seconds that one server may take to answer everything. */
  readonly timeout: number;
  readonly verbose?: true;
  readonly json?: true;
}

/** All servers together get so many times what one gets: they are asked side by side. */
const totalShare = 4;

/** Looks at everything that a configuration names and says what is wrong, with what to do about it. Changes nothing. */
export async function doctor(options: DoctorOptions): Promise<void> {
  const result = readConfig(options.config);
  if (!result.ok)
    return refuse(checkReport(result, { color: terminalOf(process.stderr).colours, json: false }));
  const { config } = result;
  const wanted = options.cluster === undefined ? [...config.clusters.keys()] : [clusterId(options.cluster)];
  const clusters = wanted.flatMap((id) => config.clusters.get(id) ?? []);
  if (clusters.length === 0) {
    const names = [...config.clusters.keys()].join(', ');
    process.stderr.write(
      `aurelay: there is no cluster ${options.cluster} in ${options.config}, but ${names}\n`,
    );
    process.exitCode = exitCode.usage;
    return;
  }
  const timeoutMs = options.timeout * 1_000;
  const certificates = new CertificateStore({ clock: systemClock, onReloaded: nobody, onTrouble: nobody });
  try {
    const [machine, subjects] = await Promise.all([
      lookAtMachine(config, wanted, options.config, certificates),
      surveyClusters(clusters, {
        timeoutMs,
        totalMs: totalShare * timeoutMs,
        tlsOf: ({ serverTls }) => certificates.client(serverTls),
      }),
    ]);
    const diagnosis = diagnose(machine, subjects);
    const instances = subjects.flatMap((cluster) => cluster.instances);
    const answered = instances.filter(({ survey }) => survey.kind === 'answered').length;
    const asked = { servers: instances.length, answered };
    const { colours, columns } = terminalOf(process.stdout);
    process.stdout.write(
      options.json
        ? reportJson(diagnosis, asked)
        : reportText(diagnosis, {
            colours,
            verbose: options.verbose === true,
            width: Math.min(columns, 110),
            asked,
          }),
    );
    if (diagnosis.findings.some(({ severity }) => severity === 'error')) process.exitCode = exitCode.unwell;
  } catch (error) {
    refuse(`aurelay: ${messageOf(error)}\n`);
  }
}

const nobody = (): void => {};

function refuse(words: string): void {
  process.stderr.write(words);
  process.exitCode = exitCode.failed;
}

async function lookAtMachine(
  config: Config,
  wanted: readonly ReturnType<typeof clusterId>[],
  file: string,
  store: CertificateStore,
): Promise<MachineSubject> {
  const running = await listensOfRunning(config, file);
  const isOurs = ({ address }: { address: MachineSubject['listeners'][number]['address'] }): boolean =>
    running?.has(formatAddress(address)) === true;
  return {
    config,
    isRunning: running !== null,
    listeners: await lookAtListeners(config, wanted, isOurs),
    stateDir: await lookAtStateDir(config.stateDir),
    openFiles: { allowed: openFilesAllowed(), needed: openFilesNeeded(config) },
    certificates: lookAtCertificates(config, wanted, store),
    now: Date.now(),
  };
}
