import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { instanceId } from '../../src/base/brand.ts';
import { DialPacer, type Turn } from '../../src/proxy/dial-pacer.ts';
import { cluster } from '../endpoints/support/view.ts';

const server = instanceId('a');

describe('DialPacer', () => {
  it('lets nobody go beyond the bound, everybody in the end, and the first first', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(9), { maxLength: 60 }), (most, moves) => {
        const pacer = new DialPacer();
        const turns = new Map<number, Turn>();
        const [busy, waiting]: [Set<number>, number[]] = [new Set(), []];
        let next = 0;
        const end = (id: number) => {
          const turn = turns.get(id);
          turns.delete(id);
          busy.delete(id);
          if (waiting.includes(id)) waiting.splice(waiting.indexOf(id), 1);
          turn?.end();
          turn?.end();
        };
        for (const move of moves) {
          if (move < 5) {
            const id = next++;
            waiting.push(id);
            turns.set(
              id,
              pacer.enter(cluster, server, most, () => {
                assert.equal(waiting.shift(), id, 'the first in line is next');
                busy.add(id);
              }),
            );
          } else {
            const ids = [...turns.keys()];
            const id = ids[move % Math.max(1, ids.length)];
            if (id !== undefined) end(id);
          }
          assert.ok(busy.size <= most);
          assert.ok(busy.size === most || waiting.length === 0, 'nobody waits for nothing');
        }
      }),
    );
  });

  it('takes a long line that gives up when it is let go', () => {
    const pacer = new DialPacer();
    const first = pacer.enter(cluster, server, 1, () => {});
    let gone = 0;
    for (let i = 0; i < 20_000; i++) {
      const turn: Turn = pacer.enter(cluster, server, 1, () => {
        gone += 1;
        turn.end();
      });
    }
    first.end();
    assert.equal(gone, 20_000);
  });

  it('keeps servers apart', () => {
    const pacer = new DialPacer();
    let went = 0;
    for (const id of ['a', 'b']) pacer.enter(cluster, instanceId(id), 1, () => (went += 1));
    assert.equal(went, 2);
  });
});
