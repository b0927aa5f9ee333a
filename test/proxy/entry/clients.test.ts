import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseIp } from '../../../src/base/ip.ts';
import { type Network, parseNetwork } from '../../../src/base/network.ts';
import type { EntryRules } from '../../../src/endpoints/entry-rules.ts';
import { ClientSessions } from '../../../src/proxy/entry/client-sessions.ts';
import { Clients } from '../../../src/proxy/entry/clients.ts';
import { ConnectRate } from '../../../src/proxy/entry/connect-rate.ts';

const networks = (...texts: readonly string[]): readonly Network[] =>
  texts.map((text) => {
    const network = parseNetwork(text);
    assert(network !== null, text);
    return network;
  });

function clients(): {
  ask: (ip: string, rules: EntryRules) => string | null;
  pass: (ms: number) => void;
} {
  let now = 0;
  const clock = { now: () => now, wallTime: () => 0, after: () => ({ cancel: () => {} }) };
  const all = new Clients(clock);
  const ask = (ip: string, rules: EntryRules) => {
    const parsed = parseIp(ip);
    assert(parsed !== null, ip);
    return all.judge(parsed, rules)?.code ?? null;
  };
  return {
    ask,
    pass: (ms) => {
      now += ms;
    },
  };
}

describe('who may come in', () => {
  it('is who is allowed and not denied', () => {
    const { ask } = clients();
    const rules = { allow: networks('10.0.0.0/8', 'fd00::/8'), deny: networks('10.9.0.0/16') };
    const cases: readonly [string, string | null][] = [
      ['10.1.2.3', null],
      ['::ffff:10.1.2.3', null],
      ['10.9.2.3', 'client_denied'],
      ['::ffff:10.9.2.3', 'client_denied'],
      ['11.0.0.1', 'client_denied'],
      ['fd12::1', null],
      ['fe80::1', 'client_denied'],
    ];
    for (const [ip, code] of cases) assert.equal(ask(ip, rules), code, ip);
    assert.equal(ask('11.0.0.1', { deny: networks('10.0.0.0/8') }), null, 'without `allow`, everybody else');
  });

  it('is who has not come too often in this second', () => {
    const { ask, pass } = clients();
    const rules = { maxConnectsPerClient: 2 };
    const full = 'too_many_client_connects';
    assert.deepEqual(
      [ask('10.0.0.1', rules), ask('10.0.0.1', rules), ask('10.0.0.1', rules)],
      [null, null, full],
    );
    assert.equal(ask('10.0.0.2', rules), null, 'another one has a limit of its own');
    pass(499);
    assert.equal(ask('10.0.0.1', rules), full);
    pass(1);
    assert.equal(ask('10.0.0.1', rules), null, 'one more after half a second');
    assert.equal(ask('10.0.0.1', rules), full);
    assert.deepEqual(
      [ask('fd00::1', rules), ask('fd00::2', rules), ask('fd00::3', rules), ask('fd00:0:0:1::1', rules)],
      [null, null, full, null],
      'a /64 counts as one',
    );
  });
});

describe('the rate of connections', () => {
  it('is never above the limit and a burst, over any time', () => {
    const arrivals = fc.array(fc.nat(400), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 20 }), (gaps, perSecond) => {
        const rate = new ConnectRate();
        const admitted: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          if (rate.admit('a', perSecond, now)) admitted.push(now);
        }
        for (const [i, from] of admitted.entries()) {
          const last = admitted.at(-1) ?? 0;
          const most = perSecond + ((last - from) * perSecond) / 1000;
          assert.ok(admitted.length - i <= most + 1e-6, `${admitted.length - i} > ${most}`);
        }
      }),
    );
  });

  it('forgets who is quiet, and does not grow under a flood of addresses', () => {
    const rate = new ConnectRate(100);
    for (let i = 0; i < 10_000; i++) {
      assert.equal(rate.admit(`flood ${i}`, 1, 0), true, 'nobody new is turned away');
      if (i % 50 === 0) assert.equal(rate.admit('often', 1, 0), i === 0, 'who comes often stays known');
      assert.ok(rate.size <= 100);
    }
    for (let i = 0; i < 100; i++) rate.admit('later', 5, 5_000 + i);
    assert.equal(rate.size, 1);
  });
});

describe('the sessions of a client', () => {
  it('are counted while there are any', () => {
    const sessions = new ClientSessions();
    const [one, two] = [sessions.take('a', 2), sessions.take('a', 2)];
    assert.equal(sessions.take('a', 2), null);
    assert.notEqual(sessions.take('b', 2), null);
    one?.leave();
    one?.leave();
    const three = sessions.take('a', 2);
    assert.notEqual(three, null);
    assert.equal(sessions.take('a', 2), null);
    two?.leave();
    three?.leave();
    assert.equal(sessions.size, 1);
  });
});
