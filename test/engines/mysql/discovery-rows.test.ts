import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseDialect } from '../../../src/engines/mysql/dialects/choose.ts';
import { type Answers, questionsTo, readDiscovery } from '../../../src/engines/mysql/discovery-rows.ts';
import { parseServerVersion, type ServerVersion } from '../../../src/engines/mysql/server-version.ts';

const version = (text: string): ServerVersion => parseServerVersion(text) ?? assert.fail();
const mysql9 = version('9.7.4');
const mariadb = version('10.11.19-MariaDB');

const nothing: Answers = {
  self: [
    {
      hostname: 'box',
      port: '3306',
      server_id: '7',
      datadir: '/d',
      server_uuid: 'uuid-7',
      account: 'aurelay@%',
    },
  ],
  account: [],
  variables: [],
  status: [],
  replicas: [],
  processes: [],
  channels: [],
  group: [],
};

const read = (answers: Partial<Answers>, of = mysql9) =>
  readDiscovery(chooseDialect(of).readStatus([[{ read_only: '0', super_read_only: '0' }], [], [], []]), of, {
    ...nothing,
    ...answers,
  });

const everything = [{ grants: 'GRANT ALL PRIVILEGES ON *.* TO `root`@`%`' }];

test('a replica is where it says that it is', () => {
  const { replicas } = read({
    replicas: [
      { Server_Id: '2', Host: 'db2.internal', Port: '3307', Source_Id: '7', Replica_UUID: 'uuid-2' },
    ],
  });
  assert.deepEqual(replicas, [
    { hosts: ['db2.internal'], port: 3307, mark: 'uuid-2', name: 'db2', synchronous: false },
  ]);
});

test('a port of 0 is none', () => {
  const [first] = read({ replicas: [{ Server_id: '2', Host: 'db2', Port: '0' }] }).replicas;
  assert.equal(first?.port, null);
});

test('where it does not say, it may be wherever somebody reads the binary log from', () => {
  const processes = [
    { Command: 'Binlog Dump GTID', Host: '10.0.0.2:51234' },
    { Command: 'Binlog Dump', Host: '[fd00::2]:51234' },
    { Command: 'Query', Host: '10.0.0.9:51234' },
    { Command: 'Sleep', Host: null },
  ];
  const reported = read(
    { replicas: [{ Server_id: '2', Host: '', Port: '3307' }], processes },
    mariadb,
  ).replicas;
  assert.deepEqual(reported[0], {
    hosts: ['10.0.0.2', 'fd00::2'],
    port: 3307,
    mark: '2',
    name: null,
    synchronous: false,
  });
  const unlisted = read({ replicas: null, processes }).replicas;
  assert.deepEqual(
    unlisted.map(({ hosts, port, mark }) => [hosts, port, mark]),
    [
      [['10.0.0.2'], null, null],
      [['fd00::2'], null, null],
    ],
  );
});

test('members of a group are known by what each engine has of them', () => {
  const group = read({
    variables: [{ Variable_name: 'group_replication_group_name', Value: 'aaaa' }],
    group: [{ id: 'uuid-2', host: 'db2', port: '3306' }],
  });
  assert.equal(group.group, 'group-replication');
  assert.deepEqual(group.members, [
    { hosts: ['db2'], port: 3306, mark: 'uuid-2', name: 'db2', synchronous: false },
  ]);
  const galera = read(
    {
      variables: [
        { Variable_name: 'wsrep_on', Value: 'ON' },
        { Variable_name: 'wsrep_cluster_address', Value: 'gcomm://a,b' },
      ],
      status: [{ Variable_name: 'wsrep_incoming_addresses', Value: '10.0.0.1:3306,AUTO,[fd00::3]:3307' }],
    },
    mariadb,
  );
  assert.equal(galera.group, 'galera');
  assert.deepEqual(
    galera.members.map(({ hosts, port }) => [hosts[0], port]),
    [
      ['10.0.0.1', 3306],
      ['fd00::3', 3307],
    ],
  );
  assert.equal(read({ variables: [{ Variable_name: 'wsrep_on', Value: 'OFF' }] }, mariadb).group, null);
});

test('a managed service is known by where its programs are', () => {
  assert.equal(
    read({ variables: [{ Variable_name: 'basedir', Value: '/rdsdbbin/mysql/' }] }).keeper,
    'Amazon RDS or Aurora',
  );
  assert.equal(read({ variables: [{ Variable_name: 'basedir', Value: '/usr/' }] }).keeper, null);
});

test('what a login lacks is said in the words of the docs', () => {
  const of = (grants: string[], more: Partial<Answers> = {}, flavor = mysql9) =>
    read({ account: grants.map((line) => ({ grants: line })), ...more }, flavor).missing;
  const heartbeats = 'GRANT SELECT ON `performance_schema`.`replication_connection_status` TO `a`@`%`';
  assert.deepEqual(
    of(['GRANT REPLICATION CLIENT ON *.* TO `aurelay`@`%`', heartbeats]).map(({ sql }) => sql),
    [
      "GRANT REPLICATION_SLAVE_ADMIN, SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, PROCESS, RELOAD ON *.* TO aurelay@'%';",
    ],
  );
  assert.deepEqual(
    of([
      'GRANT RELOAD, PROCESS ON *.* TO `a`@`%`',
      'GRANT CONNECTION_ADMIN,SYSTEM_VARIABLES_ADMIN ON *.* TO `a`@`%`',
      heartbeats,
    ]).map(({ sql }) => sql),
    ["GRANT REPLICATION_SLAVE_ADMIN ON *.* TO aurelay@'%';"],
  );
  assert.deepEqual(of(['GRANT SUPER, PROCESS, RELOAD ON *.* TO `a`@`%`', heartbeats]), []);
  const all = 'GRANT SUPER, PROCESS, RELOAD ON *.* TO `a`@`%`';
  assert.deepEqual(
    of([all, 'GRANT SELECT ON `app`.* TO `a`@`%`']).map(({ sql }) => sql),
    ["GRANT SELECT ON performance_schema.replication_connection_status TO aurelay@'%';"],
  );
  for (const list of ['SELECT', 'INSERT, SELECT']) {
    for (const place of [
      '*.*',
      '`performance_schema`.*',
      'performance_schema.replication_connection_status',
    ]) {
      assert.deepEqual(of([all, `GRANT ${list} ON ${place} TO \`a\`@\`%\``]), [], place);
    }
  }
  // A privilege on one schema is none everywhere; what a role brings is not spelt out.
  assert.equal(of(['GRANT PROCESS, RELOAD ON `app`.* TO `a`@`%`', heartbeats]).length, 1);
  assert.deepEqual(of(['GRANT `operator`@`%` TO `a`@`%`']), []);
  const refused = of(['GRANT ALL PRIVILEGES ON *.* TO `a`@`%`'], { replicas: null, channels: null }, mariadb);
  assert.deepEqual(
    refused.map((grant) => [grant.for, grant.sql]),
    [
      ['observe', "GRANT SLAVE MONITOR ON *.* TO aurelay@'%';"],
      ['discovery', "GRANT REPLICATION MASTER ADMIN ON *.* TO aurelay@'%';"],
    ],
  );
  const odd = { ...nothing.self?.[0], account: "o'brien \\@10.0.0.%" };
  const [sql] = read({ self: [odd], account: everything, replicas: null }).missing.map((grant) => grant.sql);
  assert.equal(sql, "GRANT REPLICATION SLAVE ON *.* TO 'o''brien \\\\'@'10.0.0.%';");
});

test('each version is asked in its own words', () => {
  const asked = (text: string) => questionsTo(version(text)).map(({ sql }) => sql);
  assert.ok(asked('9.7.4').includes('SHOW REPLICAS'));
  assert.ok(asked('8.0.21').includes('SHOW SLAVE HOSTS'));
  assert.ok(asked('10.6.1-MariaDB').includes('SHOW ALL SLAVES STATUS'));
  assert.ok(!asked('10.6.1-MariaDB').some((sql) => /server_uuid|performance_schema/.test(sql)));
});

test('one server is one at each of its addresses, and its clone another', () => {
  const one = read({}).identity;
  assert.equal(read({}).identity, one);
  for (const change of [
    { hostname: 'other' },
    { port: '3307' },
    { server_uuid: 'uuid-8' },
    { datadir: '/e' },
  ]) {
    assert.notEqual(read({ self: [{ ...nothing.self?.[0], ...change }] }).identity, one);
  }
});
