import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withDeadline } from '../../src/engines/deadline.ts';

describe('a deadline', () => {
  it('gives what the work gave', async () => {
    assert.deepEqual(await withDeadline(Promise.resolve(1), 1_000), { kind: 'done', value: 1 });
    const error = new Error('no');
    assert.deepEqual(await withDeadline(Promise.reject(error), 1_000), { kind: 'failed', error });
  });

  it('ends silence, and swallows what comes after it', async () => {
    let reject: (error: Error) => void = () => {};
    const work = new Promise<never>((_, fail) => {
      reject = fail;
    });
    assert.equal((await withDeadline(work, 10)).kind, 'expired');
    reject(new Error('too late to matter'));
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('says how late it was itself', async () => {
    const outcome = withDeadline(new Promise<never>(() => {}), 10);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
    const expired = await outcome;
    assert.ok(expired.kind === 'expired');
    assert.ok(expired.latenessMs > 100, String(expired.latenessMs));
  });
});
