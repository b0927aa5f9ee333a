import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from '../../src/cluster/instance.ts';
import { draftOf } from '../../src/discovery/draft.ts';
import { grantsFor, topologyJson, topologyText } from '../../src/discovery/report.ts';
import { type Topology, topologyOf, whyNotAutomatic, writerOf } from '../../src/discovery/topology.ts';
import type { WalkOptions } from '../../src/discovery/walk.ts';
import type { Discovery } from '../../src/engines/discovery.ts';
import { wishes } from './wishes.ts';
import { at, discovery, following, sighting, World, writing } from './world.ts';

async function topology(world: World, start: string, options: Partial<WalkOptions> = {}): Promise<Topology> {
  return topologyOf(await world.walk(start, options), 'postgres', 'orders');
}

const server = ({ servers }: Topology, name: string) => {
  const found = servers.find((one) => one.name === name);
  assert.ok(found !== undefined, `${name} is among ${servers.map((one) => one.name).join(' ')}`);
  return found;
};

const replica = (name: string, source: string, over: Partial<Discovery> = {}): Discovery =>
  discovery(name, { names: [name], marks: [name], sources: [at(source)], ...over });

test('a cascade: who follows whom, the writer first, and who is promoted first', async () => {
  const world = new World()
    .with(['db4:5432'], replica('d', 'db2:5432'))
    .with(
      ['db2:5432'],
      replica('b', 'db1:5432', { replicas: [sighting({ hosts: ['db4'], mark: 'd', name: 'd' })] }),
    )
    .with(['db3:5432'], replica('c', 'db1:5432', { delaySeconds: 3600 }))
    .with(
      ['db1:5432'],
      discovery('a', {
        names: ['a'],
        replicas: [
          sighting({ hosts: ['db3'], mark: 'c', name: 'c' }),
          sighting({ hosts: ['db2'], mark: 'b', name: 'b', synchronous: true }),
        ],
      }),
    );
  const found = await topology(world, 'db4:5432');
  assert.deepEqual(
    found.servers.map(({ name, source, tier, synchronous }) => [name, source, tier, synchronous]),
    [
      ['a', null, 0, false],
      ['b', 'a', 0, true],
      ['c', 'a', 15, false],
      ['d', 'b', 2, false],
    ],
  );
  assert.equal(writerOf(found)?.name, 'a');
  assert.deepEqual(found.unseen, []);
  assert.equal(whyNotAutomatic(found), null);
});

test('what its replicas call a server is written down, where that leads to it', async () => {
  const world = new World()
    .with(['writer.example:5432', '10.0.0.1:5432'], discovery('a', { names: ['a'] }))
    .with(['10.0.0.2:5432'], replica('b', '10.0.0.1:5432'));
  const found = await topology(world, 'writer.example:5432', {
    named: [{ address: at('10.0.0.2:5432'), name: null }],
  });
  const { address, replicationAddress, aliases } = server(found, 'a');
  assert.equal(formatAddress(address), '10.0.0.1:5432');
  assert.equal(replicationAddress, null);
  assert.deepEqual(aliases.map(formatAddress), ['writer.example:5432']);
});

test('behind NAT a server has an address for Aurelay and another for its replicas', async () => {
  const world = new World()
    .with(
      ['public:15432'],
      discovery('a', { names: ['a'], replicas: [sighting({ hosts: ['172.18.0.3'], mark: 'b', name: 'b' })] }),
    )
    .with(['public:15433'], replica('b', '172.18.0.2:5432'));
  const found = await topology(world, 'public:15432', {
    named: [{ address: at('public:15433'), name: null }],
  });
  const { address, replicationAddress } = server(found, 'a');
  assert.equal(formatAddress(address), 'public:15432');
  assert.equal(replicationAddress && formatAddress(replicationAddress), '172.18.0.2:5432');
  assert.equal(server(found, 'b').source, 'a');
  assert.deepEqual([found.unreached, found.unseen], [[], []]);
});

test('`localhost` is no address for the others, unless all are on one machine', async () => {
  const apart = new World()
    .with(['db1:5432'], discovery('a', { names: ['a'] }))
    .with(['db1:5433'], replica('b', '127.0.0.1:5432'))
    .with(['db2:5432'], replica('c', 'db1:5433'));
  const named = ['db1:5433', 'db2:5432'].map((one) => ({ address: at(one), name: null }));
  const found = await topology(apart, 'db1:5432', { named });
  assert.equal(server(found, 'a').replicationAddress, null);

  const alone = new World()
    .with(['box:5432'], discovery('a', { names: ['a'] }))
    .with(['box:5433'], replica('b', '127.0.0.1:5432'));
  const together = await topology(alone, 'box:5432', {
    named: named.slice(0, 0).concat({ address: at('box:5433'), name: null }),
  });
  const { replicationAddress } = server(together, 'a');
  assert.equal(replicationAddress && formatAddress(replicationAddress), '127.0.0.1:5432');
});

test('a replica without a known port is told of, with what to say; one that is named is no riddle any more', async () => {
  const world = new World().with(
    ['db1:5432'],
    discovery('a', {
      names: ['a'],
      replicas: [sighting({ hosts: ['db2'], mark: 'orders-2', name: 'orders-2' })],
    }),
  );
  const before = await topology(world, 'db1:5432');
  assert.equal(before.unseen.length, 1);
  assert.match(topologyText(before), /orders-2.*db2:5432.*--instance orders-2=db2:PORT/s);
  assert.deepEqual(
    draftOf(before, wishes).missing.map(({ name }) => name),
    ['orders-2'],
  );
  world.with(['db2:6000'], replica('orders-2', 'db1:5432'));
  const after = await topology(world, 'db1:5432', { named: [{ address: at('db2:6000'), name: null }] });
  assert.deepEqual(after.unseen, []);
  assert.equal(server(after, 'orders-2').source, 'a');
});

test('two replicas with one name are two', async () => {
  const same = { hosts: ['db2'], mark: 'walreceiver', name: 'walreceiver' };
  const world = new World()
    .with(['db1:5432'], discovery('a', { names: ['a'], replicas: [sighting(same), sighting(same)] }))
    .with(['db2:5432'], discovery('b', { marks: ['walreceiver'], sources: [at('db1:5432')] }));
  const found = await topology(world, 'db1:5432');
  assert.equal(found.servers.length, 2);
  assert.equal(found.unseen.length, 1);
});

test('a reported address where nobody answers is written down as that; not where the server is known by its id', async () => {
  const told = sighting({ hosts: ['db2.internal'], port: 3306, mark: 'uuid-2', name: 'db2' });
  const world = new World().with(['db1:3306'], discovery('a', { names: ['a'], replicas: [told] }));
  const lost = await topology(world, 'db1:3306');
  assert.deepEqual(
    lost.unreached.map(({ name, teller, address }) => [name, teller, formatAddress(address)]),
    [['db2', 'a', 'db2.internal:3306']],
  );
  assert.deepEqual(lost.unseen, []);
  const entry = draftOf(lost, wishes).instances.at(-1);
  assert.match(entry?.remarks.join() ?? '', /NOT REACHED.*ECONNREFUSED/);
  assert.equal(entry?.tier, 15);

  world.with(['db2:3306'], discovery('b', { marks: ['uuid-2'], sources: [at('db1:3306')] }));
  const known = await topology(world, 'db1:3306', { named: [{ address: at('db2:3306'), name: null }] });
  assert.deepEqual(known.unreached, []);
  assert.equal(server(known, 'db2').source, 'a');
});

test('a source that is not reached is written down, and nobody is promoted behind its back', async () => {
  const world = new World().with(['db2:5432'], replica('b', 'db1:5432'));
  const found = await topology(world, 'db2:5432');
  assert.deepEqual(
    found.unreached.map(({ name, teller }) => [name, teller]),
    [['db1', 'b']],
  );
  assert.match(whyNotAutomatic(found) ?? '', /no server was found that takes writes/);
  const draft = draftOf(found, { ...wishes, mode: 'automatic' });
  assert.equal(draft.mode, 'observe');
  assert.match(draft.whyObserve ?? '', /no server was found/);
});

test('Aurelay promotes by itself only where nobody else does, and where there is one writer and a replica', async () => {
  const why = async (over: Partial<Discovery>, more: Discovery = replica('b', 'db1:5432')) => {
    const world = new World().with(['db1:5432'], discovery('a', over)).with(['db2:5432'], more);
    return whyNotAutomatic(
      await topology(world, 'db1:5432', { named: [{ address: at('db2:5432'), name: null }] }),
    );
  };
  assert.equal(await why({}), null);
  assert.match((await why({ keeper: 'Patroni' })) ?? '', /Patroni promotes here/);
  assert.match((await why({ group: 'galera' })) ?? '', /Galera/);
  assert.match((await why({ group: 'group-replication' })) ?? '', /Group Replication promotes by itself/);
  assert.match((await why({}, discovery('b'))) ?? '', /several servers take writes/);
  assert.match((await why({ observation: following() })) ?? '', /no server was found/);
  const lonely = new World().with(['db1:5432'], discovery('a'));
  assert.match(whyNotAutomatic(await topology(lonely, 'db1:5432')) ?? '', /nobody beside the writer/);
});

test('servers that replicate from each other are told of', async () => {
  const world = new World()
    .with(['db1:3306'], discovery('a', { names: ['a'], sources: [at('db2:3306')] }))
    .with(['db2:3306'], discovery('b', { names: ['b'], sources: [at('db1:3306')] }));
  assert.match(topologyText(await topology(world, 'db1:3306')), /replicate from each other/);
});

test('where the writer waits for replicas, a quorum is suggested that asks for no less', async () => {
  const waits = writing({ acknowledgement: { count: 1, from: null, connected: 2, most: null } });
  const world = new World()
    .with(['db1:5432'], discovery('a', { observation: waits }))
    .with(['db2:5432'], replica('b', 'db1:5432'))
    .with(['db3:5432'], replica('c', 'db1:5432'));
  const named = ['db2:5432', 'db3:5432'].map((one) => ({ address: at(one), name: null }));
  assert.deepEqual(draftOf(await topology(world, 'db1:5432', { named }), wishes).quorum, {
    copies: 3,
    writeQuorum: 2,
  });
});

test('a server of another cluster that a person named is told of', async () => {
  const world = new World()
    .with(['db1:5432'], discovery('a'))
    .with(['db9:5432'], discovery('x', { lineage: 'other' }));
  const found = await topology(world, 'db1:5432', { named: [{ address: at('db9:5432'), name: null }] });
  assert.deepEqual(found.foreign.map(formatAddress), ['db9:5432']);
  assert.match(topologyText(found), /db9:5432 is a server of another cluster/);
});

test('each missing grant is told once, and only those of the mode', async () => {
  const missing = [
    { for: 'observe', sql: 'GRANT pg_monitor TO aurelay;', why: 'it is blind' },
    { for: 'automatic', sql: 'GRANT pg_signal_backend TO aurelay;', why: 'it is weak' },
  ] as const;
  const world = new World()
    .with(['db1:5432'], discovery('a', { missing }))
    .with(['db2:5432'], replica('b', 'db1:5432', { missing }));
  const found = await topology(world, 'db1:5432', { named: [{ address: at('db2:5432'), name: null }] });
  assert.deepEqual(
    grantsFor(found, 'observe').map(({ sql }) => sql),
    ['GRANT pg_monitor TO aurelay;'],
  );
  assert.equal(grantsFor(found, 'automatic').length, 2);
});

test('JSON says the same, and a table is drawn without what is empty', async () => {
  const world = new World()
    .with(['db1:5432'], discovery('a', { names: ['a'] }))
    .with(['db2:5432'], replica('b', 'db1:5432'));
  const found = await topology(world, 'db2:5432');
  assert.equal(
    topologyText(found),
    'The cluster orders: 2 servers.\n\n' +
      '  NAME  ROLE          ADDRESS   VERSION          LAG\n' +
      '  a     writer        db1:5432  PostgreSQL 18.4  -\n' +
      '  b     replica of a  db2:5432  PostgreSQL 18.4  0.2s\n',
  );
  const json = JSON.parse(JSON.stringify(topologyJson(found)));
  assert.deepEqual(
    json.servers.map((one: { name: string; role: string }) => [one.name, one.role]),
    [
      ['a', 'writer'],
      ['b', 'replica'],
    ],
  );
});
