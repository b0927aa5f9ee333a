// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference of the configuration
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { clusterId, endpointId, instanceId } from '../../src/base/brand.ts';
import type { Config } from '../../src/config/config.ts';
import { type LoadResult, loadConfig } from '../../src/config/load.ts';
import { checkReport } from '../../src/config/report.ts';
import { goodText, readSecretFile } from './fixtures.ts';

const load = (text: string, env: Record<string, string> = {}): LoadResult =>
  loadConfig({ text, file: 'aurelay.yaml', env, readFile: readSecretFile });

function loaded(text: string, env: Record<string, string> = {}): Config {
  const result = load(text, env);
  assert.ok(result.ok, checkReport(result));
  return result.config;
}

function clusterOf(config: Config, name = 'orders') {
  const cluster = config.clusters.get(clusterId(name));
  assert.ok(cluster);
  return cluster;
}

const codes = (result: LoadResult): readonly string[] =>
  (result.ok ? result.warnings : result.diagnostics).map(({ code }) => code);

const repository = new URL('../../', import.meta.url);

test('the example is accepted without a warning and shows every key', () => {
  const text = readFileSync(new URL('config/aurelay.example.yaml', repository), 'utf8');
  const result = load(text, { ORDERS_PASSWORD: 'one', SHOP_PASSWORD: 'two' });
  assert.ok(result.ok, checkReport(result));
  assert.deepEqual(result.warnings, []);
  assert.deepEqual(
    [...result.config.clusters.values()].map(({ engine, monitor }) => [engine, monitor.password]),
    [
      ['postgres', 'one'],
      ['mysql', 'two'],
    ],
  );
});

test("the design's example is accepted as it is written, with a bare reference inside braces", () => {
  const config = loaded(
    `
admin: { listen: 127.0.0.1:8080 }
state_dir: /var/lib/aurelay
clusters:
  orders:
    engine: postgres                     # postgres | mysql (MariaDB is recognised)
    monitor: { user: aurelay, password: \${ORDERS_PASSWORD}, database: postgres }
    health: { interval: 500ms, timeout: 1s, fall: 3, rise: 2 }
    failover: { mode: automatic, hold: 30s, min_interval: 60s }   # mode is required: automatic | observe
    instances:
      orders-1: { address: db1:5432, zone: a, promotion_tier: 0, weight: 2, tags: { size: large } }
      orders-2: { address: db2:5432, zone: b, promotion_tier: 1 }
    endpoints:
      writer:    { type: writer, listen: 0.0.0.0:6432 }
      reader:    { type: reader, listen: 0.0.0.0:6433, balance: least-connections, max_lag: 5s, fallback: writer }
      analytics: { type: custom, listen: 0.0.0.0:6434, members: { static: [orders-2] } }  # or excluded: [...]
`,
    { ORDERS_PASSWORD: 'p, q: {r}' },
  );
  assert.equal(clusterOf(config).monitor.password, 'p, q: {r}');
});

test("Patroni's REST API is an address of an instance, on its own default port", () => {
  const config = loaded(`
clusters:
  orders:
    engine: postgres
    monitor: { user: aurelay }
    failover: { mode: observe }
    instances:
      a: { address: db1, patroni: db1 }
      b: { address: db2, patroni: "[::1]:9008" }
      c: { address: db3 }
    endpoints: { writer: { type: writer, listen: 127.0.0.1:6432 } }
`);
  assert.deepEqual(
    [...clusterOf(config).instances.values()].map(({ patroni }) => patroni),
    [{ host: 'db1', port: 8008 }, { host: '::1', port: 9008 }, undefined],
  );
});

test('a rejoin command is a program with its arguments, or none', () => {
  const withKeys = (keys: string) =>
    clusterOf(
      loaded(`
clusters:
  orders:
    engine: mysql
    monitor: { user: aurelay }
    failover: { mode: observe }
    ${keys}
    instances: { a: { address: db1 }, b: { address: db2 } }
    endpoints: { writer: { type: writer, listen: 127.0.0.1:6306 } }
`),
    );
  const given = withKeys('rejoin_command: [sh, -c, "ssh $AURELAY_INSTANCE_HOST x"]\n    rejoin_timeout: 5m');
  assert.deepEqual(given.rejoinCommand, ['sh', '-c', 'ssh $AURELAY_INSTANCE_HOST x']);
  assert.equal(given.rejoinTimeoutMs, 300_000);
  assert.equal(withKeys('rejoin_command: []').rejoinCommand, null);
});

test('durability and max_loss, in every form', () => {
  const withThese = (failover: string, durability: string) =>
    clusterOf(
      loaded(`
state_dir: /s
clusters:
  orders:
    engine: postgres
    monitor: { user: aurelay }
    failover: { mode: automatic, ${failover} }
    ${durability}
    instances: { a: { address: db1 }, b: { address: db2 }, c: { address: db3 }, d: { address: db4, copy: false } }
    endpoints: { writer: { type: writer, listen: 127.0.0.1:6432 } }
`),
    );
  assert.equal(withThese('max_loss: 0', 'durability: async').durability, null);
  assert.equal(withThese('max_loss: 0', 'durability: async').failover.maxLoss, 0);
  const { durability, failover, instances } = withThese(
    'max_loss: 16MB',
    'durability: { copies: 3, write_quorum: 2, on_lost_quorum: degrade, degrade_after: 3s }',
  );
  assert.deepEqual(durability, { copies: 3, writeQuorum: 2, onLostQuorum: 'degrade', degradeAfterMs: 3_000 });
  assert.equal(failover.maxLoss, 16 * 1024 * 1024);
  assert.deepEqual(
    [...instances.values()].map(({ copy }) => copy),
    [true, true, true, false],
  );
});

test('every default is filled in', () => {
  const config = loaded(`
clusters:
  orders:
    engine: mysql
    monitor: { user: aurelay }
    failover: { mode: observe }
    instances: { a: { address: db1 }, b: { address: "[::1]", replication_address: db2 } }
    endpoints:
      writer: { type: writer, listen: 127.0.0.1:6306 }
      reader: { type: reader, listen: 127.0.0.1:6307 }
      custom: { type: custom, listen: 127.0.0.1:6308, members: { excluded: [] } }
      one: { type: instance, listen: 127.0.0.1:6309, instance: a }
`);
  const { clusters, ...rest } = config;
  assert.deepEqual(rest, {
    admin: { listen: { host: '127.0.0.1', port: 8080 }, tls: null, token: null, allowInsecure: false },
    stateDir: null,
    log: { level: 'info', format: 'auto' },
    reload: { watch: false },
    shutdown: { drainTimeoutMs: 30_000 },
    tcp: { keepaliveMs: 30_000, userTimeoutMs: 0 },
  });
  assert.equal(clusters.size, 1);
  const { instances, endpoints, ...cluster } = clusterOf(config);
  assert.deepEqual(cluster, {
    id: 'orders',
    engine: 'mysql',
    monitor: { user: 'aurelay', password: null, database: '' },
    replication: null,
    serverTls: { mode: 'prefer', ca: null, certificate: null, key: null, serverName: null },
    rejoinCommand: null,
    rejoinTimeoutMs: 3_600_000,
    onRemovedInstance: 'keep',
    serverLimits: new Map(['a', 'b'].map((id) => [instanceId(id), { maxSessions: null, maxConnecting: 64 }])),
    health: { intervalMs: 500, timeoutMs: 1000, fall: 3, rise: 2 },
    failover: {
      mode: 'observe',
      holdMs: 30_000,
      maxHeld: 10_000,
      minIntervalMs: 60_000,
      promoteTimeoutMs: 10_000,
      maxLoss: null,
    },
    durability: null,
  });
  assert.deepEqual(
    [...instances.values()],
    [
      {
        id: 'a',
        address: { host: 'db1', port: 3306 },
        replicationAddress: null,
        zone: null,
        promotionTier: 1,
        weight: 1,
        tags: {},
        copy: true,
      },
      {
        id: 'b',
        address: { host: '::1', port: 3306 },
        replicationAddress: { host: 'db2', port: 3306 },
        zone: null,
        promotionTier: 1,
        weight: 1,
        tags: {},
        copy: true,
      },
    ],
  );
  const common = {
    cluster: 'orders',
    maxSessions: 10_000,
    connectTimeoutMs: 5000,
    handshakeTimeoutMs: 10_000,
    idleTimeoutMs: 0,
    connectionIds: 'aurelay',
    hostname: null,
    default: false,
    tls: { mode: 'passthrough' },
  };
  const listen = (port: number) => ({ host: '127.0.0.1', port });
  const balanced = { balance: 'least-connections', maxLagMs: null, preferZone: null, slowStartMs: 30_000 };
  assert.deepEqual(
    [...endpoints.values()],
    [
      { ...common, id: 'writer', type: 'writer', listen: listen(6306) },
      { ...common, ...balanced, id: 'reader', type: 'reader', listen: listen(6307), fallback: 'writer' },
      {
        ...common,
        ...balanced,
        id: 'custom',
        type: 'custom',
        listen: listen(6308),
        fallback: 'none',
        members: { kind: 'excluded', instances: [] },
        roles: 'replica',
      },
      {
        ...common,
        id: 'one',
        type: 'instance',
        listen: listen(6309),
        instance: 'a',
        connectionIds: 'server',
      },
    ],
  );
});

test('what is written replaces each default', () => {
  const config = loaded(`
admin: { listen: "[::1]:9090" }
log: { level: debug }
shutdown: { drain_timeout: 1.5m }
tcp: { keepalive: 10s, user_timeout: 2m }
clusters:
  orders:
    engine: postgres
    monitor: { user: u, password: 0123, database: app }
    replication: { user: r, password: "no" }
    health: { interval: 1s, timeout: 2s, fall: 5, rise: 4 }
    failover: { mode: observe, hold: 0s, max_held: 0, min_interval: 0s, promote_timeout: 20s }
    instances: { a: { address: db1:1, max_sessions: 40, max_connecting: 7, tags: { size: 2, on: yes }, zone: null-zone } }
    endpoints:
      writer: { type: writer, listen: 127.0.0.1:1, max_sessions: 5, connect_timeout: 1s, handshake_timeout: 2s, idle_timeout: 15m }
      custom:
        type: custom
        listen: 127.0.0.1:2
        members: { tags: { size: "2" } }
        balance: weighted
        max_lag: 250ms
        prefer_zone: null-zone
        slow_start: 0s
        fallback: writer
        roles: any
`);
  assert.deepEqual(config.admin.listen, { host: '::1', port: 9090 });
  assert.equal(config.log.level, 'debug');
  assert.equal(config.shutdown.drainTimeoutMs, 90_000);
  assert.deepEqual(config.tcp, { keepaliveMs: 10_000, userTimeoutMs: 120_000 });
  const { monitor, replication, health, failover, endpoints, instances } = clusterOf(config);
  assert.deepEqual(
    monitor,
    { user: 'u', password: '0123', database: 'app' },
    'a password is text, digits or not',
  );
  assert.deepEqual(replication, { user: 'r', password: 'no' });
  assert.deepEqual(health, { intervalMs: 1000, timeoutMs: 2000, fall: 5, rise: 4 });
  assert.deepEqual(failover, {
    mode: 'observe',
    holdMs: 0,
    maxHeld: 0,
    minIntervalMs: 0,
    promoteTimeoutMs: 20_000,
    maxLoss: null,
  });
  assert.deepEqual(instances.get(instanceId('a'))?.tags, { size: '2', on: 'yes' });
  assert.deepEqual(clusterOf(config).serverLimits.get(instanceId('a')), {
    maxSessions: 40,
    maxConnecting: 7,
  });
  const writer = endpoints.get(endpointId('writer'));
  assert.deepEqual(
    [writer?.maxSessions, writer?.connectTimeoutMs, writer?.handshakeTimeoutMs, writer?.idleTimeoutMs],
    [5, 1000, 2000, 900_000],
  );
  const custom = endpoints.get(endpointId('custom'));
  assert.ok(custom?.type === 'custom');
  assert.deepEqual(custom.members, { kind: 'tags', tags: { size: '2' } });
  assert.deepEqual(
    [custom.balance, custom.maxLagMs, custom.preferZone, custom.slowStartMs, custom.fallback, custom.roles],
    ['weighted', 250, 'null-zone', 0, 'writer', 'any'],
  );
});

test('a password comes from a file, its line break trimmed', () => {
  const text = goodText.replace('password: literal-hunter2', 'password_file: /secrets/good');
  assert.equal(clusterOf(loaded(text)).monitor.password, 's3cret-from-a-file');
});

test('an empty password is none', () => {
  const text = goodText.replace('literal-hunter2', '"${PW:-}"'.replace('$', '$$'));
  assert.equal(clusterOf(loaded(text)).monitor.password, null);
  assert.equal(clusterOf(loaded(text, { PW: 'x' })).monitor.password, 'x');
});

test('what comes from the environment is one text, whatever is in it', () => {
  const text = goodText.replace('literal-hunter2', () => '${PW}');
  for (const password of ['a: b', '{x}', '*a', '# no', '"', "'", '${OTHER}', '$$', '0x10', '~', 'null']) {
    assert.equal(clusterOf(loaded(text, { PW: password })).monitor.password, password);
  }
  const injected = load(text, { PW: 'x\n    engine: mysql' });
  assert.deepEqual(codes(injected), ['invalid-value']);
});

test('numbers, durations and addresses come from the environment too', () => {
  const text = goodText
    .replace('weight: 2', () => 'weight: ${WEIGHT}')
    .replace('127.0.0.1:6433', () => '"${HOST:-127.0.0.1}:${PORT}"')
    .replace('max_lag: 5s', () => 'max_lag: ${LAG}');
  const cluster = clusterOf(loaded(text, { WEIGHT: '7', PORT: '7000', LAG: '2m' }));
  assert.equal(cluster.instances.get(instanceId('orders-1'))?.weight, 7);
  const reader = cluster.endpoints.get(endpointId('reader'));
  assert.deepEqual(reader?.listen, { host: '127.0.0.1', port: 7000 });
  assert.equal(reader?.type === 'reader' && reader.maxLagMs, 120_000);
});

test('an inherited name is no variable', () => {
  const result = load(goodText.replace('literal-hunter2', () => '${constructor}'));
  assert.deepEqual(codes(result), ['environment']);
});

test('an alias stands for what its anchor holds', () => {
  const text = `${goodText.replace('monitor: {', 'monitor: &login {')}    replication: *login\n`;
  const result = load(text);
  assert.deepEqual(codes(result), ['unknown-key'], 'the login has a database, which replication has not');
  const fixed = text.replace(', database: postgres', '');
  assert.deepEqual(clusterOf(loaded(fixed)).replication, { user: 'aurelay', password: 'literal-hunter2' });
});

test('names that JavaScript knows are names like any other', () => {
  const text = goodText.replaceAll('orders-2', 'constructor').replace('analytics:', 'valueof:');
  const cluster = clusterOf(loaded(text));
  assert.deepEqual([...cluster.instances.keys()], ['orders-1', 'constructor']);
  const unknown = load(goodText.replace('static: [orders-2]', 'static: [constructor]'));
  assert.deepEqual(codes(unknown), ['unknown-instance']);
});

test('an entry that stands in brackets does not shift the column', () => {
  const result = load(`clusters: { orders: { monitor: { password: \${PW:-x}, usr: a } } }`);
  assert.ok(!result.ok);
  const usr = result.diagnostics.find(({ code }) => code === 'unknown-key');
  assert.deepEqual(
    [usr?.line, usr?.column, usr?.suggestion, usr?.path],
    [1, 54, 'user', 'clusters.orders.monitor.usr'],
  );
});

test('a byte order mark and Windows line ends are read over', () => {
  assert.ok(load(`\ufeff${goodText.replaceAll('\n', '\r\n')}`).ok);
  const result = load(`\ufeffadmn: x\r\n`);
  assert.ok(!result.ok);
  assert.equal(result.diagnostics[0]?.column, 1);
  assert.equal(result.diagnostics[0]?.excerpt.text, 'admn: x');
});

test('a file beyond the limits is a diagnostic', () => {
  const nested = ['['.repeat(200_000), '- '.repeat(100_000), '? '.repeat(3000), 'a: '.repeat(3000)];
  for (const text of [...nested, `a: ${'x'.repeat(2 ** 20)}`, '- a\n'.repeat(25_000)]) {
    const result = load(text);
    assert.ok(codes(result).includes('too-large'), text.slice(0, 10));
  }
});

test('aliases that multiply end at the limit', () => {
  const levels = Array.from({ length: 20 }, (_, level) => {
    const items = Array.from({ length: 10 }, () => (level === 0 ? 'x' : `*l${level - 1}`));
    return `l${level}: &l${level} [${items.join(', ')}]`;
  });
  assert.ok(codes(load(levels.join('\n'))).includes('too-large'));
});

test('at most 100 instances', () => {
  const instances = Array.from(
    { length: 101 },
    (_, n) => `      extra-${n}: { address: "db:${n + 1}" }\n`,
  ).join('');
  const text = goodText.replace('    endpoints:', `${instances}    endpoints:`);
  assert.deepEqual(codes(load(text)), ['wrong-count']);
});

test('every kind of mistake is told at once, and the checks go on in what can be read', () => {
  const result = load(
    goodText
      .replace('zone: b', 'zon: b')
      .replace('max_lag: 5s', 'max_lag: 5')
      .replace('state_dir: /var/lib/aurelay', 'log: { level: all }')
      .replace('127.0.0.1:6434', '127.0.0.1:6432')
      .replace('static: [orders-2]', 'static: [order-2]'),
  );
  assert.ok(!result.ok);
  assert.deepEqual(
    result.diagnostics.map(({ line, code, suggestion }) => [line, code, suggestion]),
    [
      [2, 'invalid-value', null],
      [7, 'no-state-dir', null],
      [10, 'unknown-key', 'zone'],
      [13, 'invalid-value', '5s'],
      [14, 'listen-conflict', null],
      [14, 'unknown-instance', 'orders-2'],
    ],
  );
});

test('nothing is suggested for a value from the environment: that would be most of it', () => {
  const text = goodText.replace('engine: postgres', () => 'engine: ${ENGINE}');
  const result = load(text, { ENGINE: 'postgers' });
  assert.ok(!result.ok);
  assert.deepEqual(
    result.diagnostics.map(({ code, suggestion }) => [code, suggestion]),
    [['invalid-value', null]],
  );
});

test('a password file that cannot be read is told by its cause, without its path or content', () => {
  const text = goodText.replace('password: literal-hunter2', () => 'password_file: ${DIR}/pw');
  const causes: readonly [unknown, string][] = [
    [Object.assign(new Error('EACCES: open s3cret/pw'), { code: 'EACCES' }), 'may not be read by this user'],
    [Object.assign(new Error('EIO: open s3cret/pw'), { code: 'EIO' }), 'cannot be read (EIO)'],
    [Object.assign(new Error('odd'), { code: 's3cret' }), 'cannot be read'],
    ['s3cret', 'cannot be read'],
  ];
  for (const [cause, told] of causes) {
    const readFile = (): string => {
      throw cause;
    };
    const result = loadConfig({ text, file: 'a.yaml', env: { DIR: 's3cret' }, readFile });
    assert.ok(!result.ok);
    assert.deepEqual(
      result.diagnostics.map(({ message }) => message),
      [`the password file ${told}`],
    );
  }
});

test('files of TLS are absolute from here on, and looked into before they are used', () => {
  const text = goodText.replace(
    '    failover:',
    '    server_tls: { mode: verify-full, ca: ca.pem, certificate: a.pem, key: ${KEY_FILE}, server_name: DB }\n    failover:',
  );
  const seen: unknown[] = [];
  const input = { text, file: 'aurelay.yaml', env: { KEY_FILE: 's3cret/a.key' }, readFile: readSecretFile };
  const result = loadConfig({
    ...input,
    resolvePath: (path) => `/etc/${path}`,
    inspectTlsFiles: (files) => {
      seen.push({ ca: files.ca, certificate: files.certificate, key: files.key });
      return [{ which: 'ca', what: 'is old', severity: 'warning' }];
    },
  });
  assert.ok(result.ok, checkReport(result));
  assert.deepEqual(seen, [{ ca: 'ca.pem', certificate: 'a.pem', key: 's3cret/a.key' }]);
  assert.deepEqual(clusterOf(result.config).serverTls, {
    mode: 'verify-full',
    ca: '/etc/ca.pem',
    certificate: '/etc/a.pem',
    key: '/etc/s3cret/a.key',
    serverName: 'DB',
  });
  assert.deepEqual(
    result.warnings.map(({ message, path }) => [path, message]),
    [['clusters.orders.server_tls.ca', 'the file with the authorities is old']],
  );
  const refused = loadConfig({
    ...input,
    inspectTlsFiles: () => [{ which: 'key', what: 'does not exist', severity: 'error' }],
  });
  assert.deepEqual(codes(refused), ['tls-file']);
  assert.doesNotMatch(checkReport(refused), /s3cret/);
});
