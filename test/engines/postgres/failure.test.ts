import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DatabaseError } from 'pg-protocol';
import { AnswerBroken, classify } from '../../../src/engines/postgres/failure.ts';

const ofServer = (code: string | undefined): DatabaseError =>
  Object.assign(new DatabaseError('the text', 10, 'error'), { code });
const ofSystem = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });
const reasonOf = (error: unknown): string => classify(error, []).reason;

describe('why a probe failed', () => {
  it('by SQLSTATE', () => {
    const expected: Record<string, string> = {
      '57P01': 'reset',
      '57P02': 'reset',
      '57P03': 'not-ready',
      '53300': 'overloaded',
      '53200': 'overloaded',
      '28P01': 'denied',
      '28000': 'denied',
      '42501': 'denied',
      '3D000': 'denied',
      '08P01': 'protocol',
      '57014': 'query-failed',
      '42P01': 'query-failed',
      XX000: 'query-failed',
    };
    for (const [code, reason] of Object.entries(expected)) {
      assert.equal(reasonOf(ofServer(code)), reason, code);
      assert.equal(reasonOf(new AnswerBroken('the text', code)), reason, code);
    }
    assert.equal(classify(ofServer('57P03'), []).detail, 'the text (SQLSTATE 57P03)');
  });

  it('by system error', () => {
    const expected: Record<string, string> = {
      ECONNREFUSED: 'refused',
      ECONNRESET: 'reset',
      EPIPE: 'reset',
      ETIMEDOUT: 'timeout',
      EHOSTUNREACH: 'unreachable',
      ENETUNREACH: 'unreachable',
      ENOTFOUND: 'unreachable',
      EAI_AGAIN: 'unreachable',
      EMFILE: 'local-stall',
      EADDRNOTAVAIL: 'local-stall',
      ESOMETHINGELSE: 'reset',
    };
    for (const [code, reason] of Object.entries(expected))
      assert.equal(reasonOf(ofSystem(code)), reason, code);
    const both = Object.assign(new AggregateError([ofSystem('ECONNREFUSED')]), { code: 'ECONNREFUSED' });
    assert.deepEqual(classify(both, []), { reason: 'refused', detail: 'connect ECONNREFUSED' });
  });

  it('by what the driver says', () => {
    assert.equal(reasonOf(new Error('Connection terminated unexpectedly')), 'reset');
    assert.equal(
      reasonOf(new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string')),
      'denied',
    );
    assert.equal(reasonOf(new AnswerBroken('it sent rubbish', null)), 'protocol');
    assert.equal(reasonOf(ofServer(undefined)), 'protocol');
    assert.equal(reasonOf(new TypeError('a bug of ours is no dead server')), 'query-failed');
  });

  it('never with a secret in the text', () => {
    const { detail } = classify(new Error('password "s3cret" is s3cret'), [null, '', 's3cret']);
    assert.equal(detail, 'password "***" is ***');
  });
});
