import { clusterId } from '../base/brand.ts';
import { messageOf } from '../base/errors.ts';
import { checkReport } from '../config/report.ts';
import { reportJson, reportText } from '../diagnosis/report.ts';
import { type Examination, examine } from './doctor/examine.ts';
import { exitCode } from './exit-codes.ts';
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

/** Wider than this, lines are no joy to read. */
const mostColumns = 110;

/** Says what is wrong with everything that a configuration names, and what to do about it. */
export async function doctor(options: DoctorOptions): Promise<void> {
  const result = readConfig(options.config);
  if (!result.ok) {
    const { colours } = terminalOf(process.stderr);
    return refuse(checkReport(result, { color: colours, json: false }), exitCode.failed);
  }
  const known = [...result.config.clusters.keys()];
  const clusters = known.filter((id) => options.cluster === undefined || id === clusterId(options.cluster));
  if (clusters.length === 0) {
    const there = `there is no cluster ${options.cluster} in ${options.config}, but ${known.join(', ')}`;
    return refuse(`aurelay: ${there}\n`, exitCode.usage);
  }
  try {
    const file = options.config;
    const timeoutMs = options.timeout * 1_000;
    const examination = await examine(result.config, { file, clusters, timeoutMs });
    process.stdout.write(report(examination, options));
    const isIll = examination.diagnosis.findings.some(({ severity }) => severity === 'error');
    if (isIll) process.exitCode = exitCode.unwell;
  } catch (error) {
    refuse(`aurelay: ${messageOf(error)}\n`, exitCode.failed);
  }
}

function report({ diagnosis, asked }: Examination, { json, verbose }: DoctorOptions): string {
  if (json) return reportJson(diagnosis, asked);
  const { colours, columns } = terminalOf(process.stdout);
  const width = Math.min(columns, mostColumns);
  return reportText(diagnosis, { colours, verbose: verbose === true, width, asked });
}

function refuse(words: string, code: number): void {
  process.stderr.write(words);
  process.exitCode = code;
}
