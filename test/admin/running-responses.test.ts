import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { RunningResponses } from '../../src/admin/running-responses.ts';
import { listenAnywhere } from '../proxy/support/peer.ts';
import { until } from './running-admin.ts';

const timeout = 30_000;
const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

test('responses run until they have gone out, or their connection is gone', { timeout }, async (t) => {
  const begun: ServerResponse[] = [];
  const server = createServer((_, response) => begun.push(response));
  const running = new RunningResponses(server);
  const port = await listenAnywhere(server);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const open = () => connect(port, '127.0.0.1').on('error', () => {});
  const [one, many] = [open().resume(), open()];
  one.write(request);
  await until(() => begun.length === 1);
  many.write(request.repeat(20));
  await until(() => begun.length === 21);
  assert.equal(running.count, 21);

  begun[0]?.end();
  await until(() => running.count === 20);
  one.write(request);
  await until(() => running.count === 21);

  many.destroy();
  await until(() => running.count === 1);
  let isFinished = false;
  const finished = running.finished(60_000).then(() => {
    isFinished = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isFinished, false);
  begun.at(-1)?.end();
  await finished;
});

test('what does not end is waited for no longer than the grace', { timeout }, async (t) => {
  const server = createServer(() => {});
  const running = new RunningResponses(server);
  const port = await listenAnywhere(server);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  connect(port, '127.0.0.1')
    .on('error', () => {})
    .write(request);
  await until(() => running.count === 1);
  await running.finished(20);
  assert.equal(running.count, 1);
});
