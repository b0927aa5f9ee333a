import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meansAlive, type ProbeFailureReason } from '../../../src/cluster/observation.ts';
import { classifyFailure, GreetingRefused, ProtocolFailed } from '../../../src/engines/mysql/failure.ts';

const system = (code: string) => Object.assign(new Error(code), { code, errno: -111 });
const sql = (errno: number) => Object.assign(new Error('no'), { code: 'ER_ANY', errno });
const reasonOf = (thrown: unknown): ProbeFailureReason => classifyFailure(thrown, []).reason;

test('what the system says of the connection', () => {
  assert.equal(reasonOf(system('ECONNREFUSED')), 'refused');
  for (const code of ['ECONNRESET', 'EPIPE', 'PROTOCOL_CONNECTION_LOST'])
    assert.equal(reasonOf(system(code)), 'reset');
  for (const code of ['EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL']) {
    assert.equal(reasonOf(system(code)), 'unreachable');
  }
  assert.equal(reasonOf(system('ETIMEDOUT')), 'timeout');
});

test("Aurelay's own want of descriptors or ports is not held against a server", () => {
  for (const code of ['EMFILE', 'ENFILE', 'ENOBUFS', 'EADDRNOTAVAIL'])
    assert.ok(meansAlive(reasonOf(system(code))));
});

test('what a server says of itself', () => {
  for (const errno of [1037, 1038, 1040, 1041, 1129, 1135, 1203, 1226])
    assert.equal(reasonOf(sql(errno)), 'overloaded');
  for (const errno of [1044, 1045, 1049, 1130, 1142, 1227, 1698])
    assert.equal(reasonOf(sql(errno)), 'denied');
  assert.equal(reasonOf(sql(1053)), 'not-ready');
  assert.equal(reasonOf(sql(1146)), 'query-failed');
  assert.equal(reasonOf(new GreetingRefused(1040, 'Too many connections')), 'overloaded');
});

test('whatever is no MySQL', () => {
  assert.equal(reasonOf(new ProtocolFailed('an SSH server')), 'protocol');
  assert.equal(reasonOf(new RangeError('out of range')), 'protocol');
  assert.equal(reasonOf('thrown as a text'), 'protocol');
});

test('no secret shows in a detail, whatever the server repeats', () => {
  const secret = "s3cr'et";
  const echoed = Object.assign(new Error(`Unknown option near ${secret} here`), { errno: 1105 });
  assert.equal(classifyFailure(echoed, [secret]).detail, 'error 1105: Unknown option near *** here');
  const syntax = Object.assign(
    new Error(`You have an error in your SQL syntax; check the manual near 's3cr\\'et'' at line 1`),
    { errno: 1064 },
  );
  assert.equal(classifyFailure(syntax, [secret]).detail, 'error 1064: You have an error in your SQL syntax');
});

test('a detail is one line of bounded length', () => {
  const { detail } = classifyFailure(new Error(`a\n\tb ${'x'.repeat(5000)}`), [null, '']);
  assert.match(detail, /^a b x+\.\.\.$/);
  assert.ok(detail.length <= 503);
});
