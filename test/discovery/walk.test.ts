import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress } from '../../src/cluster/instance.ts';
import { explore } from '../../src/discovery/explore.ts';
import { addressKey, beginWalk, type Walk, withNamed } from '../../src/discovery/walk.ts';
import { at, discovery, sighting, World } from './world.ts';

const identities = ({ servers }: Walk): string[] => [...servers.keys()].sort();

test('from a replica the walk goes up to the writer and down to the others', async () => {
  const world = new World()
    .with(
      ['db1:5432'],
      discovery('w', { replicas: [sighting({ hosts: ['db2'] }), sighting({ hosts: ['db3'] })] }),
    )
    .with(['db2:5432'], discovery('a', { sources: [at('db1:5432')] }))
    .with(['db3:5432'], discovery('b', { sources: [at('db1:5432')] }));
  assert.deepEqual(identities(await world.walk('db2:5432')), ['a', 'b', 'w']);
});

test('where a source does not know a port, those of the start, of the source and of the engine are tried', async () => {
  const world = new World()
    .with(['db0:6000'], discovery('a', { sources: [at('db1:7000')] }))
    .with(['db1:7000'], discovery('w', { replicas: [sighting({ hosts: ['db2'] })] }));
  await world.walk('db0:6000');
  assert.deepEqual(world.asked.map(formatAddress), [
    'db0:6000',
    'db1:7000',
    'db2:7000',
    'db2:6000',
    'db2:5432',
  ]);
});

test('this machine, to a server, is the machine of the server', async () => {
  const world = new World()
    .with(['db1:5432'], discovery('w', { replicas: [sighting({ hosts: ['::1'], port: 5433 })] }))
    .with(['db1:5433'], discovery('a', { sources: [at('127.0.0.1:5432')] }));
  const walk = await world.walk('db1:5432');
  assert.deepEqual(identities(walk), ['a', 'w']);
  assert.deepEqual(world.asked.map(formatAddress), ['db1:5432', 'db1:5433']);
});

test('a folder of sockets is the machine of the server, too', async () => {
  const world = new World()
    .with(['db1:5433'], discovery('a', { sources: [{ host: '/var/run/postgresql', port: 5432 }] }))
    .with(['db1:5432'], discovery('w'));
  assert.deepEqual(identities(await world.walk('db1:5433')), ['a', 'w']);
});

test('where the first server refuses the login, nobody else is shown it', async () => {
  const world = new World().with(['db2:5432'], discovery('a'));
  await world.walk('db1:5432', { named: [{ address: at('db2:5432'), name: null }] });
  assert.deepEqual(world.asked.map(formatAddress), ['db1:5432']);
});

test('no visit begins when the time is over', async () => {
  const world = new World().with(['db1:5432'], discovery('w', { sources: [at('db2:5432')] }));
  let now = 0;
  const walk = await explore(beginWalk(options), {
    ask: world.ask,
    now: () => now++,
    mostMs: 2,
    onVisit: () => {},
  });
  assert.deepEqual(world.asked.map(formatAddress), ['db1:5432']);
  assert.equal(walk.visits.get(addressKey(at('db2:5432')))?.outcome.kind, 'due');
});

const options = { start: at('db1:5432'), named: [], defaultPort: 5432, maxServers: 100, maxVisits: 400 };

test('circles and aliases end: each server is one, however it is reached', async () => {
  const world = new World()
    .with(['db1:5432', '10.0.0.1:5432'], discovery('a', { sources: [at('10.0.0.2:5432')] }))
    .with(['10.0.0.2:5432'], discovery('b', { sources: [at('10.0.0.1:5432')] }));
  assert.deepEqual(identities(await world.walk('db1:5432')), ['a', 'b']);
  assert.equal(world.asked.length, 3);
});

test('a server of another cluster leads nowhere', async () => {
  const world = new World()
    .with(['db1:5432'], discovery('w', { replicas: [sighting({ hosts: ['db2'] })] }))
    .with(['db2:5432'], discovery('x', { lineage: 'other', sources: [at('db9:5432')] }));
  const walk = await world.walk('db1:5432');
  assert.deepEqual(identities(walk), ['w']);
  assert.ok(!world.asked.some(({ host }) => host === 'db9'));
});

test('an address that a person names is tried again, and keeps the name', async () => {
  const world = new World().with(
    ['db1:5432'],
    discovery('w', { members: [sighting({ hosts: ['db2'], port: 5432 })] }),
  );
  const walk = await world.walk('db1:5432');
  const again = withNamed(walk, { address: at('db2:5432'), name: 'orders-2' });
  world.with(['db2:5432'], discovery('a'));
  const { servers, visits } = await explore(again, {
    ask: world.ask,
    now: () => 0,
    mostMs: 1,
    onVisit: () => {},
  });
  assert.ok(servers.has('a'));
  assert.equal(visits.get(addressKey(at('db2:5432')))?.name, 'orders-2');
});

/** Links between servers 0 to n-1, each at `hN:5432`; whatever they are, circles and self-loops too. */
const worlds = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc.record({
    count: fc.constant(count),
    sources: fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: 30 }),
    sightings: fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count)), { maxLength: 30 }),
    start: fc.nat(count - 1),
  }),
);

test('every server that a chain of words leads to is found, none else is asked, and each address once', () => {
  return fc.assert(
    fc.asyncProperty(worlds, async ({ count, sources, sightings, start }) => {
      const world = new World();
      const links = new Map<number, Set<number>>();
      for (const [from, to] of [...sources, ...sightings])
        links.set(from, (links.get(from) ?? new Set()).add(to));
      for (let n = 0; n < count; n += 1) {
        const own = sources.filter(([from]) => from === n).map(([, to]) => at(`h${to}:5432`));
        const seen = sightings
          .filter(([from]) => from === n)
          .map(([, to]) => sighting({ hosts: [`h${to}`], port: 5432 }));
        world.with([`h${n}:5432`], discovery(String(n), { sources: own, replicas: seen }));
      }
      const reachable = new Set([start]);
      for (const n of reachable) for (const next of links.get(n) ?? []) reachable.add(next);
      const walk = await world.walk(`h${start}:5432`);
      const asked = world.asked.map(({ host }) => host);
      assert.equal(new Set(asked).size, asked.length);
      assert.deepEqual([...asked].sort(), [...reachable].map((n) => `h${n}`).sort());
      assert.deepEqual(
        identities(walk),
        [...reachable]
          .filter((n) => n < count)
          .map(String)
          .sort(),
      );
    }),
  );
});

test('there is an end to servers and to addresses', async () => {
  const many = Array.from({ length: 50 }, (_, n) => sighting({ hosts: [`r${n}`], port: 5432 }));
  const world = new World().with(['db1:5432'], discovery('w', { replicas: many }));
  for (let n = 0; n < 50; n += 1)
    world.with([`r${n}:5432`], discovery(`r${n}`, { sources: [at('db1:5432')] }));
  const few = await world.walk('db1:5432', { maxServers: 10 });
  assert.equal(few.servers.size, 10);
  assert.ok(few.dropped > 0 || [...few.visits.values()].some(({ outcome }) => outcome.kind === 'due'));
  const short = await world.walk('db1:5432', { maxVisits: 5 });
  assert.equal(short.visits.size, 5);
  assert.equal(short.dropped, 46);
});
