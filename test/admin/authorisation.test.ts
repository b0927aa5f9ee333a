import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { AdminClient, type AdminFailure } from '../../src/admin/client.ts';
import { certificateMissing, makeCertificate } from '../support/certificate.ts';
import { fakeControls } from './fake-controls.ts';
import { runAdmin, until } from './running-admin.ts';

const timeout = 60_000;
const token = 'correct-horse-battery-staple';

test('what changes something needs the token, what reads does not', { timeout }, async (t) => {
  const controls = fakeControls();
  const { url, logged } = await runAdmin(t, controls, { token: () => token });
  const send = (method: string, path: string, authorization?: string) =>
    fetch(`${url}${path}`, { method, headers: authorization === undefined ? {} : { authorization } });

  for (const path of ['/livez', '/readyz', '/metrics', '/api/v1/clusters', '/api/v1/events?follow=false']) {
    assert.notEqual((await send('GET', path)).status, 401, path);
  }
  const commands = [
    '/api/v1/clusters/orders/failover',
    '/api/v1/clusters/orders/switchover',
    '/api/v1/clusters/orders/instances/orders-1/drain',
    '/api/v1/clusters/orders/instances/orders-1/undrain',
    '/nothing/here',
  ];
  for (const path of commands) {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await send(method, path);
      assert.equal(answer.status, 401, `${method} ${path}`);
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="aurelay"');
    }
  }
  const wrong = [`Bearer ${token}x`, `Bearer ${token.slice(1)}`, 'Bearer x', `bearer ${token.toUpperCase()}`];
  for (const authorization of wrong) {
    const answer = await send('POST', commands[0] ?? '', authorization);
    assert.equal(answer.status, 401, authorization);
    assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
    assert.equal(((await answer.json()) as { error: { code: string } }).error.code, 'invalid_token');
  }
  for (const authorization of [`Basic ${token}`, token, 'Bearer', `Bearer ${token} ${token}`]) {
    assert.equal((await send('POST', commands[0] ?? '', authorization)).status, 401, authorization);
  }
  assert.deepEqual(controls.commands, []);
  assert.equal((await send('POST', commands[0] ?? '', `Bearer ${token}`)).status, 200);
  assert.deepEqual(controls.commands, ['failover orders']);
  const warnings = logged.filter(({ level }) => level === 'warn');
  assert.ok(warnings.length >= 1 && warnings.length <= 2, 'guesses are told of, but not each');
  assert.doesNotMatch(JSON.stringify(logged), new RegExp(token));
});

test('a page of another site is refused before the token is looked at', { timeout }, async (t) => {
  const { url } = await runAdmin(t, fakeControls(), { token: () => token });
  const answer = await fetch(`${url}/api/v1/clusters/orders/failover`, {
    method: 'POST',
    headers: { origin: 'https://evil.example', authorization: `Bearer ${token}` },
  });
  assert.equal(answer.status, 403);
});

test('the token is asked for anew at each request', { timeout }, async (t) => {
  let current = token;
  const { url } = await runAdmin(t, fakeControls(), { token: () => current });
  const client = new AdminClient({ address: url, token });
  await client.failover('orders');
  current = 'another-token-altogether';
  await assert.rejects(client.failover('orders'), { kind: 'refused', code: 'invalid_token' });
});

test('the client sends its token with what changes something only', { timeout }, async (t) => {
  const controls = fakeControls();
  const { url } = await runAdmin(t, controls, { token: () => token });
  const client = new AdminClient({ address: url, token });
  await client.clusters();
  await client.drain('orders-2', true);
  assert.deepEqual(controls.commands, ['drain orders orders-2']);
  await assert.rejects(new AdminClient({ address: url }).failover('orders'), (error: AdminFailure) => {
    assert.equal(error.code, 'unauthorized');
    assert.match(error.message, /--token-file/);
    return true;
  });
});

test('beyond this machine it starts with TLS, or the override, and a token only', { timeout }, async (t) => {
  const listen = { host: '0.0.0.0', port: 0 };
  const start = (options: object) => runAdmin(t, fakeControls(), { listen, ...options });
  for (const options of [{}, { allowInsecure: true }, { token: () => token }]) {
    await assert.rejects(start(options), /beyond this machine.*admin\.tls.*admin\.token/);
  }
  await start({ allowInsecure: true, token: () => token });
});

/** A second one, so that the first can be told from another. */
async function identityOf(t: TestContext) {
  const pem = await makeCertificate({ after: (run) => t.after(run) });
  return { ...pem, context: createSecureContext({ cert: pem.certificate, key: pem.key }) };
}

test('HTTPS: whom the client trusts, and what it says otherwise', {
  timeout,
  skip: certificateMissing(),
}, async (t) => {
  const [own, other] = [await identityOf(t), await identityOf(t)];
  const controls = fakeControls();
  const { admin } = await runAdmin(t, controls, { identity: own, token: () => token });
  const address = `https://127.0.0.1:${admin.address.port}`;
  const plain = `http://127.0.0.1:${admin.address.port}`;
  for (const by of ['authorities', 'certificate'] as const) {
    const client = new AdminClient({ address, token, trust: { by, pem: own.certificate } });
    await client.failover('orders');
    const stop = new AbortController();
    controls.emit();
    for await (const _ of client.followEvents(0, stop.signal)) stop.abort();
    const stranger = new AdminClient({ address, token, trust: { by, pem: other.certificate } });
    await assert.rejects(stranger.clusters(), { kind: 'unreachable', message: /is not trusted.*--ca/ });
  }
  await assert.rejects(new AdminClient({ address }).clusters(), { message: /is not trusted.*--ca/ });
  await assert.rejects(new AdminClient({ address: plain }).clusters(), { message: /is it https/ });
  const { url } = await runAdmin(t, controls);
  await assert.rejects(new AdminClient({ address: url.replace('http', 'https') }).clusters(), {
    message: /does not speak TLS/,
  });
});

test('a new certificate serves the next connection', { timeout, skip: certificateMissing() }, async (t) => {
  const [first, second] = [await identityOf(t), await identityOf(t)];
  let current = first;
  const identity = {
    get context() {
      return current.context;
    },
  };
  const { admin } = await runAdmin(t, fakeControls(), { identity });
  const client = (pem: string) =>
    new AdminClient({
      address: `https://127.0.0.1:${admin.address.port}`,
      trust: { by: 'certificate', pem },
    });
  await client(first.certificate).clusters();
  current = second;
  await client(second.certificate).clusters();
  await assert.rejects(client(first.certificate).clusters());
});

test('handshakes that never end keep nobody out, nor the end from coming', {
  timeout,
  skip: certificateMissing(),
}, async (t) => {
  const own = await identityOf(t);
  const { admin } = await runAdmin(t, fakeControls(), { identity: own });
  const idle = Array.from({ length: 20 }, () => connect(admin.address.port, '127.0.0.1'));
  let closed = 0;
  for (const socket of idle) {
    socket.on('error', () => {});
    socket.on('close', () => {
      closed += 1;
    });
    socket.write('\x16\x03');
  }
  const trust = { by: 'certificate', pem: own.certificate } as const;
  await new AdminClient({ address: `https://127.0.0.1:${admin.address.port}`, trust }).clusters();
  await admin.close();
  await until(() => closed === idle.length);
});
