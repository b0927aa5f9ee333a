import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { sharing } from '../../src/engines/shared-lookup.ts';
import { type DialOutcome, dial } from '../../src/proxy/dial.ts';
import { eventually, pause, realClock } from '../proxy/support/real-clock.ts';
import { WickedServer } from './support/wicked-server.ts';

/** Nobody listens there, on a port that the system gave to somebody at 127.0.0.1. */
const nobody = '127.0.0.2';
const somebody = '127.0.0.1';
const patienceMs = 20_000;

/** A name service: what it says of a name now. No entry: it does not answer. */
class Names {
  readonly says = new Map<string, readonly string[] | Error>();
  asked = 0;
  readonly lookup: LookupFunction = sharing((host, options, done) => {
    this.asked += 1;
    const said = this.says.get(host);
    if (said === undefined) return;
    setImmediate(() => {
      if (said instanceof Error) return done(said, options.all ? [] : '', 0);
      if (options.all)
        done(
          null,
          said.map((address) => ({ address, family: 4 })),
          0,
        );
      else done(null, said[0] ?? '', 4);
    });
  });
}

const notFound = Object.assign(new Error('getaddrinfo EAI_AGAIN db1'), { code: 'EAI_AGAIN' });

describe('an instance whose address is a name', { timeout: 60_000 }, () => {
  let server: WickedServer;
  let names: Names;
  beforeEach(async () => {
    server = await WickedServer.start(() => {});
    names = new Names();
  });
  afterEach(() => server.stop());

  const dialled = (host: string, timeoutMs = patienceMs): Promise<string> =>
    new Promise((resolve) =>
      dial(
        { host, port: server.port },
        timeoutMs,
        realClock,
        (outcome) => {
          if (outcome.kind === 'connected') outcome.socket.destroy();
          resolve(outcome.kind === 'connected' ? 'connected' : outcome.reason);
        },
        undefined,
        names.lookup,
      ),
    );

  it('is looked up at each dial: what changes, or comes back, counts at once', async () => {
    const answers = [];
    for (const said of [[nobody], [somebody], notFound, [somebody], [nobody]]) {
      names.says.set('db1', said);
      answers.push(await dialled('db1'));
    }
    assert.deepEqual(answers, ['refused', 'connected', 'error', 'connected', 'refused']);
    assert.equal(names.asked, 5);
  });

  it('is tried at each of its addresses', async () => {
    names.says.set('db1', [nobody, '127.0.0.3', somebody]);
    assert.equal(await dialled('db1'), 'connected');
    names.says.set('db1', [nobody, '127.0.0.3']);
    assert.equal(await dialled('db1'), 'refused');
  });

  it('that nobody answers for fails at the deadline, asks once, and keeps no other name waiting', async () => {
    names.says.set('db2', [somebody]);
    const stuck = Array.from({ length: 500 }, () => dialled('db1', 500));
    for (let i = 0; i < 20; i++) assert.equal(await dialled('db2'), 'connected');
    assert.deepEqual(new Set(await Promise.all(stuck)), new Set(['timeout']));
    assert.equal(names.asked, 1 + 20);
  });

  it('that answers after the deadline opens no connection', async () => {
    let late = () => {};
    const lookup: LookupFunction = (_host, options, done) => {
      late = () =>
        options.all ? done(null, [{ address: somebody, family: 4 }], 0) : done(null, somebody, 4);
    };
    const outcomes: DialOutcome[] = [];
    const outcome = (one: DialOutcome) => void outcomes.push(one);
    dial({ host: 'db1', port: server.port }, 20, realClock, outcome, undefined, lookup);
    await eventually(() => outcomes.length === 1, 'the deadline counts');
    late();
    await pause(100);
    assert.equal(outcomes.length, 1);
    assert.equal(server.accepted, 0);
  });
});
