import type { ClusterId } from '../../base/brand.ts';
import { type Address, formatAddress } from '../../cluster/instance.ts';
import type { Config } from '../../config/config.ts';
import { type Diagnosis, diagnose } from '../../diagnosis/diagnose.ts';
import type { MachineSubject } from '../../diagnosis/subject.ts';
import { systemClock } from '../../system-clock.ts';
import { CertificateStore } from '../../tls/certificate-store.ts';
import { openFilesAllowed, openFilesNeeded } from '../open-files.ts';
import { lookAtCertificates } from './certificates.ts';
import { lookAtListeners } from './listeners.ts';
import { listensOfRunning } from './running.ts';
import { lookAtStateDir } from './state-dir.ts';
import { surveyClusters } from './survey-clusters.ts';

export interface Examination {
  readonly diagnosis: Diagnosis;
  readonly asked: { readonly servers: number; readonly answered: number };
}

export interface ExamineOptions {
  /** Where the configuration was read from, which says how to reach an Aurelay that runs with it. */
  readonly file: string;
  readonly clusters: readonly ClusterId[];
  /** For one server to answer everything. */
  readonly timeoutMs: number;
}

/** All servers together get so many times what one gets: they are asked side by side. */
const totalShare = 4;

/** Looks at everything that a configuration names. Changes nothing. Throws where its certificate files cannot be read. */
export async function examine(
  config: Config,
  { file, clusters: wanted, timeoutMs }: ExamineOptions,
): Promise<Examination> {
  const certificates = new CertificateStore({ clock: systemClock, onReloaded: nobody, onTrouble: nobody });
  const [machine, clusters] = await Promise.all([
    lookAtMachine(config, wanted, file, certificates),
    surveyClusters(
      wanted.flatMap((id) => config.clusters.get(id) ?? []),
      {
        timeoutMs,
        totalMs: totalShare * timeoutMs,
        tlsOf: ({ serverTls }) => certificates.client(serverTls),
      },
    ),
  ]);
  const instances = clusters.flatMap((cluster) => cluster.instances);
  const answered = instances.filter(({ survey }) => survey.kind === 'answered').length;
  return { diagnosis: diagnose(machine, clusters), asked: { servers: instances.length, answered } };
}

const nobody = (): void => {};

async function lookAtMachine(
  config: Config,
  wanted: readonly ClusterId[],
  file: string,
  store: CertificateStore,
): Promise<MachineSubject> {
  const running = await listensOfRunning(config, file);
  const isOurs = ({ address }: { readonly address: Address }): boolean =>
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
