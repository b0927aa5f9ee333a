// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference of the configuration
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadConfig } from '../../src/config/load.ts';
import { checkReport } from '../../src/config/report.ts';
import { starterConfig } from '../../src/config/starter.ts';
import { tlsModes } from '../../src/config/tls.ts';
import { draftOf, portsOf, type Wishes } from '../../src/discovery/draft.ts';
import { topologyText } from '../../src/discovery/report.ts';
import { topologyOf } from '../../src/discovery/topology.ts';
import type { Discovery } from '../../src/engines/discovery.ts';
import { wishes } from './wishes.ts';
import { discovery, following, sighting, World, writing } from './world.ts';

const secret = 's3cr3t-of-the-monitor';
const trap =
  'a\'b"c: [d] {e} #f &g *h !i |j >k %l @m `n \\o ${PATH} $$ \n  password: x\r\u0000\u0085\u2028\ue100\ufeff';
/** What people and servers call things. */
const words = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    'orders-1',
    'ORDERS_2',
    '15/main',
    'true',
    'null',
    '~',
    '1e3',
    '-',
    '',
    trap,
    'Ünïcödé',
    '日本語',
  ),
);
const hosts = fc.oneof(
  fc.constantFrom(
    'db1',
    'db2',
    'DB1',
    'db1.',
    'localhost',
    '127.0.0.1',
    '::1',
    '10.0.0.7',
    'fd00::1',
    'fe80::1%eth0',
    '0.0.0.0',
    '::',
    '',
    '/run/postgresql',
    'a b',
    '日本',
  ),
  words,
);
const addresses = fc.record({
  host: hosts,
  port: fc.constantFrom(0, 1, 3306, 5432, 6432, 6433, 8080, 65_535, 70_000),
});
const sightings = fc.record({
  hosts: fc.array(hosts, { maxLength: 3 }),
  port: fc.option(fc.constantFrom(0, 5432, 6432)),
  mark: fc.option(words),
  name: fc.option(words),
  synchronous: fc.boolean(),
});
const discoveries = (identity: string): fc.Arbitrary<Discovery> =>
  fc
    .record({
      names: fc.array(words, { maxLength: 3 }),
      marks: fc.array(words, { maxLength: 2 }),
      sources: fc.array(addresses, { maxLength: 2 }),
      replicas: fc.array(sightings, { maxLength: 4 }),
      members: fc.array(sightings, { maxLength: 2 }),
      group: fc.constantFrom(null, null, null, 'galera', 'group-replication' as const),
      delaySeconds: fc.constantFrom(0, 0, 60),
      replicationUser: fc.option(words),
      keeper: fc.option(words, { freq: 8 }),
      remarks: fc.array(words, { maxLength: 2 }),
      writable: fc.boolean(),
      version: words,
      waits: fc.nat(3),
    })
    .map(({ writable, version, waits, ...over }) => {
      const acknowledgement = { count: waits, from: null, connected: waits, most: null };
      const observation = writable ? writing({ version, acknowledgement }) : following({ version });
      return discovery(identity, { ...over, observation } as Partial<Discovery>);
    });
const worlds = fc.integer({ min: 1, max: 8 }).chain((count) =>
  fc.array(fc.nat(count - 1), { minLength: 1, maxLength: 12 }).chain((owners) =>
    fc.record({
      servers: fc.tuple(...Array.from({ length: count }, (_, n) => discoveries(String(n)))),
      at: fc.tuple(...owners.map((owner) => fc.record({ owner: fc.constant(owner), address: addresses }))),
    }),
  ),
);
const said = fc.record({
  user: words.filter((text) => text.trim() !== '' && !/\p{Cc}/u.test(text)),
  stateDir: fc.constantFrom('/var/lib/aurelay', '/srv/it\'s $HOME: a "b" #c', '/données'),
  password: fc.constantFrom(
    { kind: 'none' } as const,
    { kind: 'environment', name: 'AURELAY_MONITOR_PASSWORD' } as const,
    { kind: 'file', path: '/run/secrets/a: b #c ${d}' } as const,
  ),
  mode: fc.constantFrom('automatic', 'observe' as const),
  tls: fc.option(fc.constantFrom(...tlsModes)),
  engine: fc.constantFrom('postgres', 'mysql' as const),
  cluster: fc.constantFrom(null, 'orders', '0'),
});

test(
  'whatever was found, its configuration loads without a word, and tells no secret',
  { timeout: 120_000 },
  () =>
    fc.assert(
      fc.asyncProperty(
        worlds,
        said,
        async ({ servers, at }, { user, stateDir, password, mode, tls, engine, cluster }) => {
          const world = new World();
          for (const { owner, address } of at) world.with([address], servers[owner] as Discovery);
          world.with([{ host: 'db1', port: 5432 }], servers[0] as Discovery);
          const walk = await world.walk('db1:5432');
          const topology = topologyOf(walk, engine as 'postgres' | 'mysql', cluster);
          topologyText(topology);
          const free = portsFrom(portsOf(topology));
          const asked: Wishes = {
            ...wishes,
            ...{ stateDir, mode: mode as Wishes['mode'] },
            monitor: { user, password, database: engine === 'postgres' ? 'post"gres' : null },
            serverTls:
              tls === null ? null : { mode: tls, ca: tls.startsWith('verify') ? '/etc/ca: #.pem' : null },
            ...{ admin: free(), writer: free(), reader: free() },
          };
          const plan = draftOf(topology, asked);
          const text = starterConfig(plan);
          const read: string[] = [];
          const result = loadConfig({
            ...{
              text,
              file: 'aurelay.yaml',
              env: { AURELAY_MONITOR_PASSWORD: secret, PATH: 'LEAK', d: 'LEAK' },
            },
            readFile: (path) => {
              read.push(path);
              return secret;
            },
          });
          const report = checkReport(result, { color: false, json: false });
          assert.ok(result.ok && result.warnings.length === 0, `${report}\n${text}`);
          assert.ok(!text.includes(secret) && !text.includes('LEAK'));
          const [loaded] = [...result.config.clusters.values()];
          assert.equal(loaded?.monitor.user, user);
          assert.equal(result.config.stateDir, stateDir);
          assert.deepEqual(read, password.kind === 'file' ? [password.path] : []);
          assert.deepEqual(
            [...(loaded?.instances.values() ?? [])].map(({ id, address, promotionTier }) => [
              id,
              address,
              promotionTier,
            ]),
            plan.instances.map(({ name, address, tier }) => [name, address, tier]),
          );
          // One file of one cluster: nothing that a server said became a key.
          assert.equal(result.config.clusters.size, 1);
          for (const line of text.split('\n')) assert.ok(!/\p{Cc}/u.test(line), JSON.stringify(line));
        },
      ),
      { numRuns: 200 },
    ),
);

/** Listeners that are on no server's port. */
const portsFrom = (taken: ReadonlySet<number>) => {
  let port = 6431;
  return () => {
    do port += 1;
    while (taken.has(port));
    return { host: '127.0.0.1', port };
  };
};

test('an ordinary configuration reads like this', async () => {
  const world = new World()
    .with(
      ['db1.example:5432'],
      discovery('1', {
        names: ['orders-1'],
        replicas: [
          sighting({ hosts: ['db2.example'], mark: 'orders-2', name: 'orders-2', synchronous: true }),
        ],
        observation: writing({ acknowledgement: { count: 1, from: null, connected: 1, most: null } }),
      }),
    )
    .with(
      ['db2.example:5432'],
      discovery('2', {
        names: ['orders-2'],
        marks: ['orders-2'],
        sources: [{ host: 'db1.example', port: 5432 }],
        replicationUser: 'replicator',
      }),
    );
  const topology = topologyOf(await world.walk('db1.example:5432'), 'postgres', null);
  const text = starterConfig(draftOf(topology, { ...wishes, mode: 'automatic' }));
  for (const words of [
    /^ {2}orders:\n {4}engine: postgres$/m,
    /^ {6}password: \$\{PASSWORD\}$/m,
    /^ {6}mode: automatic$/m,
    /# durability: \{ copies: 2, write_quorum: 2 \}/,
    /# replication: \{ user: replicator,/,
    /# A replica of orders-1, for which commits wait\. PostgreSQL 18\.4\.\n {6}orders-2:\n {8}address: db2\.example:5432\n {8}promotion_tier: 0$/m,
    /names are those under which the\s+# replicas acknowledge commits/,
  ]) {
    assert.match(text, words);
  }
  for (const line of text.split('\n')) assert.ok(line.length <= 100, line);
});
