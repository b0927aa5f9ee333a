import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

type Done = Parameters<LookupFunction>[2];

/**
 * As `ask`, except that whoever asks for what is being asked already gets the same answer. Nothing is kept: a name is
 * asked for anew as soon as there was an answer, or an error.
 */
export function sharing(ask: LookupFunction): LookupFunction {
  const waiting = new Map<string, Done[]>();
  return (host, options, done) => {
    const question = JSON.stringify([host, options]);
    const others = waiting.get(question);
    if (others !== undefined) {
      others.push(done);
      return;
    }
    const all = [done];
    waiting.set(question, all);
    ask(host, options, (...answer) => {
      waiting.delete(question);
      for (const each of all) each(...answer);
    });
  };
}

/**
 * For connections to servers. The system's lookup cannot be given up, and this process has two at a time (libuv lets
 * half of its threads do what is slow): without sharing, a name that nobody answers for, with a session or a probe
 * coming every now and then, would keep all other names waiting for minutes.
 */
export const sharedLookup: LookupFunction = sharing(lookup as LookupFunction);
