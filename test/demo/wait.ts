import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves once `isTrue`; rejects after a time that only a hang exceeds. */
export async function eventually(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`);
    await sleep(25);
  }
}
