import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { curve, layOut } from '../../dashboard/src/layout.ts';
import { endpointJson, instanceJson } from '../admin/status-json.ts';

const instances = (count: number) => Array.from({ length: count }, (_, at) => instanceJson({ id: `i${at}` }));

test('a line for each member and for each place with sessions, as thick as these', () => {
  const reader = endpointJson({
    name: 'reader',
    members: ['i1', 'i2'],
    sessions_by_instance: { i1: 30, i0: 10 },
  });
  const { links } = layOut({ instances: instances(3), endpoints: [reader] });
  assert.deepEqual(
    links.map(({ instance, sessions, isMember }) => [instance, sessions, isMember]),
    [
      ['i0', 10, false],
      ['i1', 30, true],
      ['i2', 0, true],
    ],
  );
  const [leaving, thick, idle] = links.map(({ width }) => width);
  assert.ok(Math.abs((thick ?? 0) / (leaving ?? 1) - 3) < 0.01, `${thick} and ${leaving}`);
  assert.ok((idle ?? 9) < 2);
});

test('nothing moves when sessions and roles change', () => {
  const before = layOut({ instances: instances(5), endpoints: [endpointJson({ members: ['i0'] })] });
  const after = layOut({
    instances: instances(5).map((one) => ({ ...one, health: 'down' as const, sessions: 99 })),
    endpoints: [endpointJson({ members: ['i3'], sessions_by_instance: { i3: 999 } })],
  });
  assert.deepEqual(
    [after.height, after.endpoints, after.instances],
    [before.height, before.endpoints, before.instances],
  );
});

test('cards never overlap nor leave the picture, lines begin and end on theirs', () => {
  const shape = fc.record({
    sizes: fc.tuple(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 6 })),
    sessions: fc.array(fc.nat({ max: 20_000 }), { minLength: 96, maxLength: 96 }),
    members: fc.array(fc.boolean(), { minLength: 96, maxLength: 96 }),
  });
  fc.assert(
    fc.property(shape, ({ sizes: [count, ports], sessions, members }) => {
      const all = instances(count);
      const endpoints = Array.from({ length: ports }, (_, port) =>
        endpointJson({
          name: `e${port}`,
          members: all.filter((_, at) => members[port * 16 + at]).map(({ id }) => id),
          sessions_by_instance: Object.fromEntries(
            all.map(({ id }, at) => [id, sessions[port * 16 + at] ?? 0]),
          ),
        }),
      );
      const picture = layOut({ instances: all, endpoints });
      for (const column of [picture.endpoints, picture.instances]) {
        column.forEach(({ top, height }, index) => {
          assert.ok(top >= -0.01 && top + height <= picture.height + 0.01);
          const next = column[index + 1];
          if (next !== undefined) assert.ok(top + height <= next.top + 0.01, 'cards overlap');
        });
      }
      const cards = new Map([...picture.endpoints, ...picture.instances].map((card) => [card.id, card]));
      for (const { endpoint, instance, from, to, width } of picture.links) {
        for (const [id, y] of [
          [endpoint, from],
          [instance, to],
        ] as const) {
          const card = cards.get(id);
          assert.ok(card !== undefined && y >= card.top && y <= card.top + card.height, `${id} at ${y}`);
        }
        assert.ok(width > 0 && width < 22.01);
      }
    }),
  );
});

test('a curve is flat at both ends', () => {
  assert.equal(curve(10, 42.345), 'M0 10C50 10 50 42.3 100 42.3');
});
