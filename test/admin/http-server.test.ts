import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { ClusterJson } from '../../src/admin/api.ts';
import { AdminListenFailed, startAdmin } from '../../src/admin/http-server.ts';
import { clusterId, instanceId } from '../../src/base/brand.ts';
import { clusterConfig, clusterView, fakeControls, instanceView, secret } from './fake-controls.ts';
import { about, rawConnection, rawRequest, runAdmin, until } from './running-admin.ts';

const timeout = 30_000;

const post = (url: string, body?: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });

async function errorOf(response: Response) {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return { status: response.status, ...error };
}

test('a cluster is shown with every field of the contract', { timeout }, async (t) => {
  const controls = fakeControls('orders', 2);
  controls.sessions.set('orders-2', 4).set('reader', 4);
  controls.held.set('writer', 3);
  const { url } = await runAdmin(t, controls);
  const response = await fetch(`${url}/api/v1/clusters/orders`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.deepEqual(await response.json(), {
    name: 'orders',
    engine: 'postgres',
    mode: 'automatic',
    epoch: 7,
    phase: 'stable',
    reason: null,
    writer: 'orders-1',
    durability: { mode: 'async' },
    instances: [
      {
        id: 'orders-1',
        address: 'db1:5432',
        role: 'writer',
        health: 'healthy',
        lag_seconds: 0,
        position: '1/0/5000148',
        sessions: 0,
        zone: 'a',
        replicating: true,
        deposed: false,
        drained: false,
        last_failure: null,
        version: 'PostgreSQL 18.4',
        promotion_tier: 0,
        weight: 1,
        tags: { size: 'large' },
      },
      {
        id: 'orders-2',
        address: 'db2:5432',
        role: 'replica',
        health: 'healthy',
        lag_seconds: 0.25,
        position: '1/0/5000148',
        sessions: 4,
        zone: 'b',
        replicating: true,
        deposed: false,
        drained: false,
        last_failure: null,
        version: 'PostgreSQL 18.4',
        promotion_tier: 1,
        weight: 1,
        tags: { size: 'large' },
      },
    ],
    endpoints: [
      {
        name: 'writer',
        type: 'writer',
        listen: '0.0.0.0:6432',
        hostname: null,
        members: ['orders-1'],
        out: [],
        sessions: 0,
        held: 3,
        sessions_by_instance: {},
        listening: true,
        listen_error: null,
        max_sessions: 1000,
      },
      {
        name: 'reader',
        type: 'reader',
        listen: '0.0.0.0:6433',
        hostname: null,
        members: ['orders-2'],
        out: [],
        sessions: 4,
        held: 0,
        sessions_by_instance: {},
        listening: true,
        listen_error: null,
        max_sessions: 1000,
      },
    ],
  });
});

test('an endpoint tells whom it leaves out, and why, but not whom the office keeps out', {
  timeout,
}, async (t) => {
  const controls = fakeControls('orders', 3);
  const at = ['orders-1', 'orders-2', 'orders-3'].map((id) => instanceId(id));
  const views = at.map((id, index) => instanceView(id, index, { drained: index === 2 }));
  controls.change('orders', { instances: new Map(views.map((view) => [view.instance.id, view])) });
  const { url } = await runAdmin(t, controls);
  const { endpoints } = (await (await fetch(`${url}/api/v1/clusters/orders`)).json()) as ClusterJson;
  assert.deepEqual(
    endpoints.map(({ out }) => out),
    [[], [{ instance: 'orders-3', why: 'drained' }]],
  );
});

test('the list holds every cluster, and no answer holds a secret', { timeout }, async (t) => {
  const controls = fakeControls().add(clusterConfig('shop', 2), clusterView('shop', 2));
  controls.emit();
  const { url } = await runAdmin(t, controls);
  const list = (await (await fetch(`${url}/api/v1/clusters`)).json()) as { name: string }[];
  assert.deepEqual(
    list.map(({ name }) => name),
    ['orders', 'shop'],
  );
  const paths = [
    '/',
    '/livez',
    '/readyz',
    '/metrics',
    '/api/v1/clusters',
    '/api/v1/clusters/orders',
    '/api/v1/events?follow=false',
  ];
  for (const path of paths) {
    const response = await fetch(url + path);
    assert.equal(response.status, 200, path);
    const text = await response.text();
    assert.ok(text.length > 0 && !text.includes(secret), path);
    assert.equal(response.headers.get('cache-control'), 'no-store', path);
  }
});

test('what went wrong with an instance is shown', { timeout }, async (t) => {
  const controls = fakeControls();
  const id = instanceId('orders-2');
  const out = instanceView(id, 1, {
    role: null,
    health: 'down',
    lagSeconds: null,
    position: null,
    deposed: true,
    drained: true,
    replicating: false,
    version: null,
    lastFailure: { reason: 'refused', detail: 'connect ECONNREFUSED' },
  });
  const { instances } = controls.view(clusterId('orders'));
  controls.change('orders', { instances: new Map([...instances, [id, out]]) });
  const { url } = await runAdmin(t, controls);
  const cluster = (await (await fetch(`${url}/api/v1/clusters/orders`)).json()) as {
    instances: Record<string, unknown>[];
  };
  const shown = cluster.instances[1];
  assert.deepEqual(shown?.last_failure, { reason: 'refused', detail: 'connect ECONNREFUSED' });
  assert.equal(shown?.role, null);
  assert.equal(shown?.lag_seconds, null);
  assert.equal(shown?.deposed, true);
  assert.equal(shown?.drained, true);
});

test('commands reach the controls and answer what came of them', { timeout }, async (t) => {
  const controls = fakeControls();
  const { url, logged } = await runAdmin(t, controls);
  const base = `${url}/api/v1/clusters/orders`;
  const first = await post(`${base}/failover`);
  assert.equal(first.status, 200);
  assert.deepEqual(await first.json(), { message: 'done', writer: 'orders-2', epoch: 8 });
  for (const response of [
    await post(`${base}/failover`, {}),
    await post(`${base}/switchover`, { to: 'orders-2' }),
    await post(`${base}/switchover?dry_run=true`, { to: 'orders-2' }),
    await post(`${base}/instances/orders-3/drain`),
    await post(`${base}/instances/orders-3/undrain`),
  ]) {
    assert.equal(response.status, 200);
  }
  assert.deepEqual(controls.commands, [
    'failover orders',
    'failover orders',
    'switchover orders orders-2',
    'switchover orders orders-2 (dry run)',
    'drain orders orders-3',
    'undrain orders orders-3',
  ]);
  assert.equal(logged.filter(({ level }) => level === 'info').length, 6);
});

test('a command that does not succeed has the status and code of its kind', { timeout }, async (t) => {
  const controls = fakeControls();
  const { url, logged } = await runAdmin(t, controls, { commandTimeoutMs: 50 });
  const failover = `${url}/api/v1/clusters/orders/failover`;
  for (const [kind, status] of [
    ['conflict', 409],
    ['failed', 500],
    ['timeout', 504],
  ] as const) {
    controls.answer = async () => ({ ok: false, kind, message: `because of ${kind}` });
    assert.deepEqual(await errorOf(await post(failover)), {
      status,
      code: kind,
      message: `because of ${kind}`,
    });
  }
  controls.answer = () => new Promise(() => {});
  assert.equal((await errorOf(await post(failover))).status, 504);
  controls.answer = () => Promise.reject(new Error(`login with ${secret}`));
  const internal = await errorOf(await post(failover));
  assert.equal(internal.status, 500);
  assert.equal(internal.code, 'internal');
  assert.ok(!internal.message.includes(secret));
  assert.ok(logged.some(({ level }) => level === 'error'));
  controls.stopping = true;
  assert.equal((await errorOf(await post(failover))).code, 'shutting_down');
});

test('unknown names are answered with the known ones', { timeout }, async (t) => {
  const { url } = await runAdmin(t, fakeControls());
  const cluster = await errorOf(await fetch(`${url}/api/v1/clusters/nope`));
  assert.deepEqual(cluster, {
    status: 404,
    code: 'unknown_cluster',
    message: 'no cluster "nope"; there is orders',
  });
  const base = `${url}/api/v1/clusters/orders`;
  for (const response of [
    await post(`${base}/switchover`, { to: 'orders-9' }),
    await post(`${base}/instances/orders-9/drain`),
  ]) {
    const error = await errorOf(response);
    assert.equal(error.status, 404);
    assert.equal(error.code, 'unknown_instance');
    assert.match(error.message, /"orders-9".*orders-1, orders-2, orders-3/);
  }
  const path = await errorOf(await fetch(`${url}/api/v2/clusters`));
  assert.deepEqual([path.status, path.code], [404, 'not_found']);
  const method = await errorOf(await fetch(`${base}/failover`));
  assert.deepEqual([method.status, method.code], [404, 'not_found']);
});

test('a body that is not understood is refused with the form that is expected', { timeout }, async (t) => {
  const controls = fakeControls();
  const { url, admin } = await runAdmin(t, controls);
  const switchover = `${url}/api/v1/clusters/orders/switchover`;
  for (const body of [
    '{',
    '[]',
    '"orders-2"',
    'null',
    {},
    { to: 2 },
    { to: '' },
    { to: 'orders-2', at: 1 },
  ]) {
    const error = await errorOf(await post(switchover, body));
    assert.deepEqual([error.status, error.code], [400, 'bad_request'], JSON.stringify(body));
    assert.match(error.message, /\{"to": "<instance>"\}/);
  }
  assert.equal((await errorOf(await post(switchover))).status, 400);
  assert.equal((await post(`${url}/api/v1/clusters/orders/failover`, { force: true })).status, 400);
  const form = await errorOf(
    await post(switchover, 'to=orders-2', { 'content-type': 'application/x-www-form-urlencoded' }),
  );
  assert.deepEqual([form.status, form.code], [415, 'unsupported_media_type']);

  const large = JSON.stringify({ to: 'x'.repeat(70_000) });
  assert.equal((await errorOf(await post(switchover, large))).status, 413);
  const head = [
    'POST /api/v1/clusters/orders/switchover HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    'Transfer-Encoding: chunked',
  ];
  const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  assert.equal((await rawRequest(t, admin, head, chunked(large))).status, 413);
  assert.deepEqual(controls.commands, []);
  assert.equal((await rawRequest(t, admin, head, chunked('{"to":"orders-2"}'))).status, 200);
  assert.deepEqual(controls.commands, ['switchover orders orders-2']);
});

test('what runs is told', { timeout }, async (t) => {
  const { url } = await runAdmin(t, fakeControls());
  const response = await fetch(`${url}/api/v1/version`);
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), about);
});

test('web pages are kept out', { timeout }, async (t) => {
  const controls = fakeControls();
  const { admin } = await runAdmin(t, controls);
  const { port } = admin.address;
  const failover = 'POST /api/v1/clusters/orders/failover HTTP/1.1';
  for (const host of ['evil.example', `evil.example:${port}`, '192.0.2.7', '127.0.0.1.evil.example', '']) {
    const read = await rawRequest(t, admin, ['GET /api/v1/clusters HTTP/1.1', `Host: ${host}`]);
    assert.ok(read.status === 403 || (host === '' && read.status === 400), host);
    assert.ok(!read.body.includes('orders-1'), host);
  }
  for (const host of ['localhost', `127.0.0.1:${port}`, `[::1]:${port}`, 'LOCALHOST:1', 'a.localhost']) {
    assert.equal((await rawRequest(t, admin, ['GET /livez HTTP/1.1', `Host: ${host}`])).status, 200, host);
  }
  const here = `127.0.0.1:${port}`;
  for (const origin of ['https://evil.example', 'null', `http://localhost:${port}`, 'http://127.0.0.1:1']) {
    const answer = await rawRequest(t, admin, [
      failover,
      `Host: ${here}`,
      `Origin: ${origin}`,
      'Content-Length: 0',
    ]);
    assert.equal(answer.status, 403, origin);
    assert.match(answer.body, /forbidden_origin/);
  }
  assert.deepEqual(controls.commands, []);
  const own = [failover, `Host: ${here}`, `Origin: http://${here}`, 'Content-Length: 0'];
  assert.equal((await rawRequest(t, admin, own)).status, 200);
  assert.deepEqual(controls.commands, ['failover orders']);
});

test('a malformed request disturbs nobody', { timeout }, async (t) => {
  const { url, admin } = await runAdmin(t, fakeControls());
  assert.equal((await rawRequest(t, admin, ['GET / HTTP/1.1', 'Host: a b'])).status, 400);
  assert.equal((await rawRequest(t, admin, ['\u0000\u0001\u0002'])).status, 400);
  assert.equal((await rawRequest(t, admin, ['GET / HTTP/1.1', `X: ${'x'.repeat(20_000)}`])).status, 431);
  assert.equal((await fetch(`${url}/livez`)).status, 200);
});

test('ready once every endpoint accepts and every cluster has a writer', { timeout }, async (t) => {
  const controls = fakeControls().add(clusterConfig('shop', 2), clusterView('shop', 2));
  const { url } = await runAdmin(t, controls);
  const readyz = async (query = '') => {
    const response = await fetch(`${url}/readyz${query}`);
    return { status: response.status, ...((await response.json()) as { clusters: object }) };
  };
  const fine = { ready: true, reasons: [] };
  assert.deepEqual(await readyz(), {
    status: 200,
    ready: true,
    shutting_down: false,
    clusters: { orders: fine, shop: fine },
  });

  controls.change('orders', { writer: null, phase: 'promoting', reason: 'orders-1 is gone' });
  controls.shut.set('reader', 'address in use');
  const reader = 'endpoint "reader" does not listen on 0.0.0.0:6433: address in use';
  assert.deepEqual(await readyz(), {
    status: 503,
    ready: false,
    shutting_down: false,
    clusters: {
      orders: { ready: false, reasons: ['no writer: promoting, orders-1 is gone', reader] },
      shop: { ready: false, reasons: [reader] },
    },
  });

  assert.equal((await readyz('?exclude=writer')).status, 503);
  controls.shut.clear();
  assert.equal((await readyz()).status, 503);
  assert.equal((await readyz('?exclude=writer')).status, 200);
  assert.equal((await readyz('?exclude=writers')).status, 400);
  controls.change('orders', { writer: instanceId('orders-2'), phase: 'stable', reason: null });
  assert.equal((await readyz()).status, 200);
  controls.stopping = true;
  assert.equal((await readyz()).status, 503);
  assert.equal((await readyz('?exclude=writer')).status, 503);
  assert.equal((await fetch(`${url}/livez`)).status, 200);
});

test('an address that cannot be listened on is named, with a remedy', { timeout }, async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await until(() => taken.listening);
  const { port } = taken.address() as { port: number };
  const listen = (host: string) =>
    startAdmin({
      listen: { host, port },
      controls: fakeControls(),
      about,
      metrics: { render: async () => ({ contentType: 'text/plain', text: '' }) },
      logger: { debug() {}, info() {}, warn() {}, error() {}, fatal() {} },
    });
  await assert.rejects(listen('127.0.0.1'), (error: Error) => {
    assert.ok(error instanceof AdminListenFailed);
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}.*already.*admin\\.listen`));
    return true;
  });
  await assert.rejects(listen('192.0.2.1'), /192\.0\.2\.1:\d+: this machine has no such address/);
});

test('close ends idle connections and event streams promptly', { timeout }, async (t) => {
  const controls = fakeControls();
  const { admin } = await runAdmin(t, controls);
  const idle = rawConnection(t, admin);
  const stream = rawConnection(t, admin);
  const silent = rawConnection(t, admin);
  const ends = [idle, stream, silent].map((socket) => new Promise((resolve) => socket.on('close', resolve)));
  idle.on('data', () => {});
  stream.on('data', () => {});
  silent.on('data', () => {});
  idle.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  stream.write('GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until(() => controls.listeners.size === 1 && idle.bytesRead > 0);
  await admin.close();
  await Promise.all(ends);
  assert.equal(controls.listeners.size, 0);
});
