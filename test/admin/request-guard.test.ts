import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guardRequest, isLoopbackAddress, isLoopbackHost } from '../../src/admin/request-guard.ts';

const request = {
  method: 'GET',
  host: 'aurelay.example:8080',
  origin: undefined,
  contentType: undefined,
  hasBody: false,
};

test('a listener that others reach answers to any host, and still to no foreign page', () => {
  guardRequest(request, false);
  const post = { ...request, method: 'POST' };
  guardRequest(post, false);
  guardRequest({ ...post, origin: 'http://aurelay.example:8080' }, false);
  guardRequest({ ...post, origin: 'https://aurelay.example:8080' }, false);
  assert.throws(() => guardRequest({ ...post, origin: 'http://aurelay.example' }, false), {
    code: 'forbidden_origin',
    status: 403,
  });
  assert.throws(() => guardRequest(request, true), { code: 'forbidden_host', status: 403 });
});

test('a body needs the media type of JSON, with or without parameters', () => {
  const post = { ...request, method: 'POST', hasBody: true };
  guardRequest({ ...post, contentType: 'Application/JSON; charset=utf-8' }, false);
  for (const contentType of [undefined, 'text/plain', 'application/jsonx', 'text/plain; application/json']) {
    assert.throws(() => guardRequest({ ...post, contentType }, false), { code: 'unsupported_media_type' });
  }
});

test('loopback is told from what only looks like it', () => {
  for (const host of ['localhost', 'localhost.', '127.1.2.3:80', '[::1]:80', '[::1]', 'x.LOCALHOST:1']) {
    assert.equal(isLoopbackHost(host), true, host);
  }
  for (const host of [
    undefined,
    '',
    'localhost.evil.example',
    'evillocalhost',
    '127.evil.example',
    '[::2]',
    '::1',
    '0.0.0.0',
    'localhost@evil.example',
  ]) {
    assert.equal(isLoopbackHost(host), false, host);
  }
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopbackAddress(address));
  for (const address of ['0.0.0.0', '::', '10.0.0.1', undefined]) assert.ok(!isLoopbackAddress(address));
});
