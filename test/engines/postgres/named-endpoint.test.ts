import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ClientRequest } from '../../../src/engines/engine.ts';
import { readCommandLine } from '../../../src/engines/postgres/command-line.ts';
import { namedEndpoint } from '../../../src/engines/postgres/named-endpoint.ts';
import { StartupOpening } from '../../../src/engines/postgres/startup.ts';

const startup = (parameters: readonly (readonly [string, string])[]): ClientRequest => {
  const body = parameters.map(([name, value]) => `${name}\0${value}\0`).join('');
  const bytes = Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 3, 0, 2]), Buffer.from(`${body}\0`, 'latin1')]);
  bytes.writeUInt32BE(bytes.length);
  return { kind: 'startup', bytes: new Uint8Array(bytes) };
};

const withOptions = (options: string): ClientRequest =>
  startup([
    ['user', 'ann'],
    ['options', options],
    ['client_encoding', 'utf8'],
  ]);

/** The name, and the options that are left. */
function taken(options: string): readonly [string | null, string | null] {
  const { name, request } = namedEndpoint(withOptions(options));
  const text = Buffer.from(request.bytes).toString('latin1', 8);
  const left = /\0options\0([^\0]*)\0/.exec(text)?.[1] ?? null;
  assert.equal(Buffer.from(request.bytes).readUInt32BE(), request.bytes.length);
  assert.ok(text.startsWith('user\0ann\0') && text.endsWith('client_encoding\0utf8\0\0'));
  return [name, left];
}

describe('the endpoint in a startup message', () => {
  for (const [options, name, left] of [
    ['-c aurelay.endpoint=reader', 'reader', null],
    ['-caurelay.endpoint=reader', 'reader', null],
    ['--aurelay.endpoint=orders/reader', 'orders/reader', null],
    ['-c Aurelay.Endpoint=reader', 'reader', null],
    ['  -c\taurelay.endpoint=reader  ', 'reader', null],
    ['-c work_mem=1MB -c aurelay.endpoint=reader -c geqo=off', 'reader', '-c work_mem=1MB -c geqo=off'],
    ['-c work_mem=1MB -c aurelay.endpoint=reader', 'reader', '-c work_mem=1MB'],
    ['-c aurelay.endpoint=reader  -e', 'reader', '-e'],
    ['-c search_path=a\\ b\\  -c aurelay.endpoint=r', 'r', '-c search_path=a\\ b\\ '],
    ['-c aurelay.endpoint=a -c aurelay.endpoint=b', 'b', null],
    ['-e -c aurelay.endpoint=a -c aurelay.endpoint=b', 'b', '-e'],
    ['-c aurelay.endpoint=a\\ b\\\\', 'a b\\', null],
    ['-c \\aurelay.endpoint=reader', 'reader', null],
    ['-ec aurelay.endpoint=reader -F', 'reader', '-e -F'],
    ['-c aurelay.endpoint=', '', null],
    // None of these sets it.
    ['-c aurelay.endpoints=reader', null, '-c aurelay.endpoints=reader'],
    ['-c aurelay.endpoint', null, '-c aurelay.endpoint'],
    ['-c', null, '-c'],
    ['-t -caurelay.endpoint=reader', null, '-t -caurelay.endpoint=reader'],
    [
      '-c application_name=-c\\ aurelay.endpoint=reader',
      null,
      '-c application_name=-c\\ aurelay.endpoint=reader',
    ],
    ['-- -c aurelay.endpoint=reader', null, '-- -c aurelay.endpoint=reader'],
    ['nonsense', null, 'nonsense'],
    ['', null, ''],
    ['   ', null, '   '],
  ] as const) {
    it(`${JSON.stringify(options)} is ${JSON.stringify(name)}, and leaves ${JSON.stringify(left)}`, () => {
      assert.deepEqual(taken(options), [name, left]);
    });
  }

  it('may be a parameter of its own, which counts more', () => {
    const { name, request } = namedEndpoint(
      startup([
        ['user', 'ann'],
        ['aurelay.endpoint', 'reader'],
        ['options', '-c aurelay.endpoint=writer -c geqo=off'],
      ]),
    );
    assert.equal(name, 'reader');
    assert.deepEqual(
      request,
      startup([
        ['user', 'ann'],
        ['options', '-c geqo=off'],
      ]),
    );
  });

  it('is not looked for in anything else', () => {
    const request: ClientRequest = { kind: 'tls', bytes: Uint8Array.of(1) };
    assert.deepEqual(namedEndpoint(request), { name: null, request });
  });

  it('leaves every other startup message as it is, byte for byte', () => {
    const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', ''));
    const latin = text.map((value) => Buffer.from(value).toString('latin1'));
    const parameter = fc.tuple(
      latin.filter((one) => one !== ''),
      latin,
    );
    fc.assert(
      fc.property(fc.array(parameter), latin, (parameters, options) => {
        const request = startup([...parameters, ['options', options]]);
        assert.deepEqual(namedEndpoint(request), { name: null, request });
      }),
    );
  });

  it('is found among any other options, which stay as they are and in order', () => {
    const word = fc.stringMatching(/^[a-z_]{1,8}$/);
    const value = fc.stringMatching(/^[a-z\\ ]{0,6}$/).map((one) => one.replace(/[\\ ]/g, '\\$&'));
    const setting = fc
      .tuple(fc.constantFrom('-c ', '-c', '--'), word, value)
      .map(([a, b, c]) => `${a}${b}=${c}`);
    const option = fc.oneof(setting, fc.constantFrom('-e', '-F', '-t pa', '-W 3'));
    const own = fc.constantFrom('-c aurelay.endpoint=it', '--aurelay.endpoint=it', '-caurelay.endpoint=it');
    fc.assert(
      fc.property(
        fc.array(fc.oneof(option, own)),
        own,
        fc.array(fc.oneof(option, own)),
        (before, one, after) => {
          const all = [...before, one, ...after];
          const [name, left] = taken(all.join(' '));
          assert.equal(name, 'it');
          const others = all.filter((each) => !each.includes('aurelay.endpoint'));
          assert.deepEqual(left, others.length === 0 ? null : others.join(' '));
          const settings = (text: string) => readCommandLine(text).map(({ setting: found }) => found);
          assert.deepEqual(settings(left ?? ''), settings(others.join(' ')));
        },
      ),
    );
  });

  it('of any options at all gives a message that can be read, without the setting', () => {
    const piece = fc.constantFrom('-c', '--', ' ', '\\', 'aurelay.endpoint', '=', 'x', '-e', '\t', '-t');
    const options = fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(options, (text) => {
        const { request } = namedEndpoint(withOptions(text));
        assert.deepEqual(namedEndpoint(request), { name: null, request });
        assert.equal(new StartupOpening().push(request.bytes).kind, 'request');
      }),
      { numRuns: 1000 },
    );
  });
});
