import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { AdminClient, AdminFailure, type AdminFailureKind } from '../../src/admin/client.ts';
import { clusterConfig, clusterEvent, clusterView, fakeControls } from './fake-controls.ts';
import { runAdmin, until } from './running-admin.ts';

const timeout = 30_000;

const failsWith = (kind: AdminFailureKind, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AdminFailure, String(error));
  assert.equal(error.kind, kind);
  assert.match(error.message, message);
  return true;
};

async function listening(
  t: TestContext,
  server: Pick<Server, 'listen' | 'address' | 'close'>,
): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

test('status, failover, switchover and drain go through the real server', { timeout }, async (t) => {
  const controls = fakeControls().add(clusterConfig('shop', 2), clusterView('shop', 2));
  const { url } = await runAdmin(t, controls);
  const client = new AdminClient({ address: url });
  assert.deepEqual(
    (await client.status(null)).map(({ name }) => name),
    ['orders', 'shop'],
  );
  assert.equal((await client.status('shop'))[0]?.writer, 'shop-1');
  assert.deepEqual(await client.failover('orders'), { message: 'done', writer: 'orders-2', epoch: 8 });
  await client.switchover('orders', 'orders-3');
  await client.drain('shop-2', true);
  await client.drain('shop-2', false, 'shop');
  assert.deepEqual(controls.commands, [
    'failover orders',
    'switchover orders orders-3',
    'drain shop shop-2',
    'undrain shop shop-2',
  ]);
});

test("what Aurelay refuses is told in its own words, and so is what the client can't find", {
  timeout,
}, async (t) => {
  const controls = fakeControls();
  const { url } = await runAdmin(t, controls);
  const client = new AdminClient({ address: url });
  await assert.rejects(client.status('nope'), failsWith('refused', /no cluster "nope"; there is orders/));
  controls.answer = async () => ({ ok: false, kind: 'conflict', message: 'a failover is under way' });
  await assert.rejects(client.failover('orders'), (error: AdminFailure) => {
    assert.deepEqual(
      [error.kind, error.code, error.message],
      ['refused', 'conflict', 'a failover is under way'],
    );
    return true;
  });
  await assert.rejects(client.drain('x', true), failsWith('refused', /no instance "x"; there is orders-1, /));
  const twin = clusterConfig('twin', 1);
  controls.add({ ...twin, instances: clusterConfig('orders', 1).instances }, clusterView('orders', 1));
  await assert.rejects(
    client.drain('orders-1', true),
    failsWith('refused', /several clusters .*orders, twin.*name the cluster/),
  );
});

test('events are listed, and followed until the caller stops', { timeout }, async (t) => {
  const controls = fakeControls();
  controls.emit();
  controls.emit();
  const { url } = await runAdmin(t, controls);
  const client = new AdminClient({ address: url });
  assert.deepEqual(
    (await client.recentEvents(1)).map(({ seq }) => seq),
    [2],
  );
  const stop = new AbortController();
  const seen: number[] = [];
  for await (const { seq } of client.followEvents(0, stop.signal)) {
    seen.push(seq);
    if (seq === 2) controls.emit({ message: 'ünïcode, 日本' });
    if (seq === 3) stop.abort();
  }
  assert.deepEqual(seen, [1, 2, 3]);
  await until(() => controls.listeners.size === 0);
});

test('a stream ends when Aurelay does, and fails when it goes silent', { timeout }, async (t) => {
  const controls = fakeControls();
  controls.emit();
  const { admin, url } = await runAdmin(t, controls);
  for await (const _ of new AdminClient({ address: url }).followEvents()) void admin.close();

  const quiet = await runAdmin(t, controls);
  const client = new AdminClient({ address: quiet.url, silenceTimeoutMs: 100 });
  await assert.rejects(
    async () => {
      for await (const _ of client.followEvents());
    },
    failsWith('timeout', /did not answer in time/),
  );
});

test('heartbeats keep a stream alive for longer than it may be silent', { timeout }, async (t) => {
  const controls = fakeControls();
  const { url } = await runAdmin(t, controls, { events: { heartbeatMs: 20 } });
  const client = new AdminClient({ address: url, silenceTimeoutMs: 800 });
  const late = setTimeout(() => controls.emit(), 1200);
  t.after(() => clearTimeout(late));
  for await (const { seq } of client.followEvents()) {
    assert.equal(seq, 1);
    return;
  }
  assert.fail('the stream ended');
});

test('a character that arrives in two pieces stays one', { timeout }, async (t) => {
  const sent = Buffer.from(`id: 1\ndata: ${JSON.stringify(clusterEvent({ message: 'né' }))}\n\n`);
  const middle = sent.indexOf('é') + 1;
  const halves = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(sent.subarray(0, middle), () => setTimeout(() => response.end(sent.subarray(middle)), 50));
  });
  const client = new AdminClient({ address: await listening(t, halves) });
  const messages: string[] = [];
  for await (const { message } of client.followEvents()) messages.push(message);
  assert.deepEqual(messages, ['né']);
});

test('where nothing listens, the message says what to do', { timeout }, async (t) => {
  const gone = createTcpServer();
  const address = await listening(t, gone as unknown as Server);
  await new Promise((resolve) => gone.close(resolve));
  const client = new AdminClient({ address });
  await assert.rejects(client.clusters(), (error: AdminFailure) => {
    assert.equal(
      error.message,
      `nothing answers at http://${address}: is Aurelay running? --admin sets the address`,
    );
    return true;
  });
  await assert.rejects(
    async () => {
      for await (const _ of client.followEvents());
    },
    failsWith('unreachable', /is Aurelay running/),
  );
  assert.throws(() => new AdminClient({ address: 'a b:c' }), failsWith('unreachable', /HOST:PORT.*"a b:c"/));
});

test('something else that answers, or does not, is not taken for Aurelay', { timeout }, async (t) => {
  const page = createServer((_, response) => response.end('<html>'));
  const missing = createServer((_, response) => response.writeHead(404).end('not here'));
  const silent = createServer(() => {});
  t.after(() => silent.closeAllConnections());
  const [html, notFound, frozen] = [
    await listening(t, page),
    await listening(t, missing),
    await listening(t, silent),
  ];
  await assert.rejects(
    new AdminClient({ address: html }).clusters(),
    failsWith('unexpected', /is not Aurelay's admin API \(its answer is not JSON\)/),
  );
  await assert.rejects(
    new AdminClient({ address: notFound }).clusters(),
    failsWith('unexpected', /HTTP 404/),
  );
  await assert.rejects(
    new AdminClient({ address: frozen, timeoutMs: 50 }).clusters(),
    failsWith('timeout', /did not answer in time/),
  );
});
