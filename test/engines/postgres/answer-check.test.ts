import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AnswerCheck, type AnswerFault } from '../../../src/engines/postgres/answer-check.ts';
import { anyCuts, ascii, chunked, join } from './chunks.ts';

function message(type: string, body: Uint8Array): Uint8Array {
  const header = new Uint8Array(5);
  header[0] = type.charCodeAt(0);
  new DataView(header.buffer).setUint32(1, body.length + 4);
  return join([header, body]);
}

const session = join([
  message('R', Uint8Array.of(0, 0, 0, 0)),
  message('S', ascii('server_version\x0018.4\0')),
  message('K', new Uint8Array(8)),
  message('Z', ascii('I')),
  message('D', join([Uint8Array.of(0, 1, 0, 0, 0x75, 0x30), new Uint8Array(30_000)])),
  message('C', ascii('SELECT 1\0')),
  message('E', ascii('SERROR\0C42P01\0Mno such thing\0\0')),
  message('Z', ascii('I')),
]);

function check(chunks: readonly Uint8Array[]): AnswerFault | null {
  const answer = new AnswerCheck();
  for (const chunk of chunks) {
    const fault = answer.push(chunk);
    if (fault !== null) return fault;
  }
  return null;
}

describe('what the driver is not to see', () => {
  it('is not in a session of PostgreSQL, in any pieces', () => {
    fc.assert(fc.property(anyCuts, (cuts) => assert.equal(check(chunked(session, cuts)), null)));
  });

  it('is anything behind it that is none', () => {
    const after = (bytes: Uint8Array): string | undefined => check([session, bytes])?.why;
    assert.match(after(ascii('HTTP/1.1')) ?? '', /no known type/);
    assert.match(after(Uint8Array.of(0)) ?? '', /no known type/);
    assert.match(after(Uint8Array.of(0x44, 0x7f, 0, 0, 0)) ?? '', /more than/);
    assert.match(after(Uint8Array.of(0x5a, 0, 0, 0, 0)) ?? '', /impossible/);
    assert.match(after(message('E', ascii('SERROR\0'))) ?? '', /cannot be read/);
    assert.match(after(message('N', ascii('SNOTICE'))) ?? '', /cannot be read/);
  });

  it('is an answer that does not come to an end', () => {
    const row = message('D', new Uint8Array(60_000));
    const answer = new AnswerCheck();
    assert.equal(answer.push(session), null);
    for (let rows = 0; rows < 60; rows++) assert.equal(answer.push(row), null);
    assert.equal(answer.push(message('Z', ascii('I'))), null);
    const faults = Array.from({ length: 80 }, () => answer.push(row));
    assert.match(faults.find((fault) => fault !== null)?.why ?? '', /answer of more than/);
    assert.ok(faults.findIndex((fault) => fault !== null) > 60);
  });

  it('is an answer that does not begin as one', () => {
    assert.notEqual(check([ascii('SSH-2.0-x\r\n')]), null);
    assert.notEqual(check([Uint8Array.of(0x4a, 0, 0, 0, 10)]), null);
    assert.equal(check([ascii('Ecould not fork\n\0')])?.sqlstate, '53000');
  });

  it('is found the same however it is cut', () => {
    const garbage = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(garbage, fc.boolean(), anyCuts, (bytes, begun, cuts) => {
        const all = begun ? join([session, bytes]) : bytes;
        assert.deepEqual(check(chunked(all, cuts)), check([all]));
      }),
      { numRuns: 500 },
    );
  });
});
