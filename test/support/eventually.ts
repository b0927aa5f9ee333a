import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Resolves with what `look` gives once that is neither null nor false; rejects after a time that only a hang exceeds.
 * What `look` throws ends it at once.
 */
export async function eventually<Value>(
  what: string,
  look: () => Promise<Value | null | false> | Value | null | false,
  deadlineMs = 30_000,
): Promise<Value> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await look();
    if (value !== null && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`);
    await sleep(25);
  }
}

/** Like `promise`, but rejects where it takes longer: a hang becomes a failure that names itself. */
export async function within<Value>(
  what: string,
  deadlineMs: number,
  promise: Promise<Value>,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${deadlineMs / 1000} s: ${what}`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
