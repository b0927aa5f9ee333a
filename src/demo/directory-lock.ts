import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { EmbeddedClusterError } from './cluster.ts';

/**
 * Takes `file` for this process, so that two demos never run on the same data. One that a killed process left behind is
 * taken over. Returns the function that gives it back.
 */
export function lockDirectory(file: string): () => void {
  const mine = `${process.pid} ${startOf(process.pid) ?? ''}`;
  for (let attempt = 0; attempt < 10; attempt++) {
    try {
      writeFileSync(file, mine, { flag: 'wx' });
      const release = () => rmSync(file, { force: true });
      process.once('exit', release);
      return () => {
        process.off('exit', release);
        release();
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = liveHolder(file);
    if (holder !== null) {
      throw new EmbeddedClusterError(
        `process ${holder} runs a cluster on this data already (${file}): stop it first, or give another directory`,
      );
    }
    rmSync(file, { force: true });
  }
  throw new EmbeddedClusterError(`${file} could not be taken: is another demo starting there?`);
}

function liveHolder(file: string): number | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return null;
  }
  const pid = Number.parseInt(text, 10);
  const start = Number.isInteger(pid) && pid > 0 ? startOf(pid) : null;
  return start !== null && text === `${pid} ${start}` ? pid : null;
}

/** When process `pid` started, in a form that tells it from a later process of the same number; null: no such process. */
function startOf(pid: number): string | null {
  try {
    if (process.platform !== 'linux') {
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22, "starttime" (proc(5)); the second field may hold spaces, so count from its closing parenthesis.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
