import { messageOf } from '../base/errors.ts';
import { topologyJson } from '../discovery/report.ts';
import { TlsFilesInvalid } from '../tls/tls-files.ts';
import { exitCode } from './exit-codes.ts';
import { findCluster } from './init/find-cluster.ts';
import { FlagsMissing, InitFailed, missingFlags } from './init/login.ts';
import { FileExists, FileUnwritable, refuseExisting, refuseUnwritable } from './init/new-file.ts';
import { type InitFlags, NotUsable, readFlags } from './init/options.ts';
import { AnswersEnded, prompterOf } from './init/prompter.ts';
import { writeConfig } from './init/write-config.ts';
import { json } from './with-client.ts';

const defaultFile = 'aurelay.yaml';

/** Discovers a cluster from one of its servers, and writes a first configuration for it. */
export async function init(flags: InitFlags): Promise<void> {
  try {
    const options = readFlags(flags);
    const output = outputOf(options);
    if (output !== null && output !== '-') {
      refuseExisting(output, options.force === true);
      await refuseUnwritable(output);
    }
    const prompter = prompterOf(process.stdin, process.stderr);
    const missing = prompter === null ? missingFlags(options, process.env) : [];
    if (missing.length > 0) throw new FlagsMissing(missing);
    const found = await findCluster(options, prompter);
    if (output === null) process.stdout.write(`${json(topologyJson(found.topology))}\n`);
    else await writeConfig(found, output, options, prompter);
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
  const isOurs = [InitFailed, FileExists, FileUnwritable, AnswersEnded, TlsFilesInvalid].some(
    (one) => error instanceof one,
  );
  if (!isOurs && (error as NodeJS.ErrnoException).code === undefined) throw error;
  return exitCode.failed;
}

/** Null: only what was found is wanted. */
function outputOf({ json: asJson, output }: Pick<InitFlags, 'json' | 'output'>): string | null {
  if (asJson && output === '-') {
    throw new NotUsable('--json and --output - both want standard output: give --output a file');
  }
  return asJson && output === undefined ? null : (output ?? defaultFile);
}
