import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { HelloEvent } from '../../../src/engines/engine.ts';
import { ClientHelloReader } from '../../../src/engines/postgres/client-hello.ts';
import {
  clientHello,
  handshake,
  helloBody,
  realClientHello,
  records,
  serverNameExtension,
} from '../../support/client-hello.ts';
import { anyCuts, chunked, join } from './chunks.ts';

/** The first event that is not `need-more`, and what is left behind it. */
function read(chunks: readonly Uint8Array[]): { readonly event: HelloEvent; readonly rest: Uint8Array } {
  const reader = new ClientHelloReader();
  for (const [index, chunk] of chunks.entries()) {
    const event = reader.push(chunk);
    if (event.kind !== 'need-more') {
      return { event, rest: join([reader.rest(), ...chunks.slice(index + 1)]) };
    }
  }
  return { event: { kind: 'need-more' }, rest: new Uint8Array(0) };
}

const nameIn = (bytes: Uint8Array): string | null | undefined => {
  const { event } = read([bytes]);
  return event.kind === 'hello' ? event.serverName : undefined;
};

const name = 'writer.orders.example.com';
const whole = clientHello(name);

describe('a TLS client hello', () => {
  it('is read in any pieces and any records, and left as it is with what is behind it', () => {
    fc.assert(
      fc.property(
        anyCuts,
        fc.constantFrom(1, 2, 3, 5, 50, 16_384),
        fc.uint8Array({ maxLength: 20 }),
        fc.constantFrom(name, null, 'UPPER.example'),
        (cuts, recordBytes, behind, asked) => {
          const bytes = clientHello(asked, recordBytes);
          const { event, rest } = read(chunked(join([bytes, behind]), cuts));
          assert.equal(event.kind, 'hello');
          if (event.kind !== 'hello') return;
          assert.equal(event.serverName, asked);
          assert.deepEqual(Buffer.from(event.bytes), bytes);
          assert.deepEqual(rest, behind);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('of OpenSSL is read byte by byte', async () => {
    const bytes = await realClientHello(name);
    const { event } = read([...bytes].map((byte) => Uint8Array.of(byte)));
    assert.equal(event.kind === 'hello' && event.serverName, name);
  });

  it('is waited for until its last byte', () => {
    for (const bytes of [whole, clientHello(name, 7)]) {
      for (let length = 0; length < bytes.length; length++) {
        assert.equal(read([bytes.subarray(0, length)]).event.kind, 'need-more');
      }
    }
  });

  it('has no name where there is no extension for it, or no extension at all', () => {
    assert.equal(nameIn(records(handshake(helloBody(new Uint8Array(0))))), null);
    assert.equal(nameIn(records(handshake(helloBody(null)))), null);
  });

  it('that names what can be no host has no name', () => {
    for (const other of ['', '/var/run/postgresql', '10.0.0.1', '::1', 'a b', 'b\xfccher.example']) {
      assert.equal(nameIn(clientHello(other)), null, other);
    }
  });

  it('with a byte changed is something or malformed, the same however it is cut, and never throws', () => {
    const at = fc.nat(whole.length - 1);
    fc.assert(
      fc.property(at, fc.nat(255), anyCuts, (place, byte, cuts) => {
        const bytes = Uint8Array.from(whole);
        bytes[place] = byte;
        assert.deepEqual(read(chunked(bytes, cuts)), read([bytes]));
      }),
      { numRuns: 500 },
    );
  });

  it('of garbage is waited for or malformed, and what it says later changes nothing', () => {
    const garbage = fc.tuple(
      fc.constantFrom<number[]>([], [0x16], [0x16, 3, 1], [0x16, 3, 1, 0, 9, 1]),
      fc.uint8Array(),
    );
    fc.assert(
      fc.property(garbage, anyCuts, ([head, tail], cuts) => {
        const bytes = join([Uint8Array.from(head), tail]);
        const { event } = read(chunked(bytes, cuts));
        assert.deepEqual(event, read([bytes]).event);
        if (event.kind !== 'malformed') return;
        const reader = new ClientHelloReader();
        reader.push(bytes);
        assert.deepEqual(reader.push(whole), event);
      }),
      { numRuns: 500 },
    );
  });

  it('is not believed where its lengths do not fit', () => {
    const broken = (bytes: Uint8Array) => read([bytes]).event.kind;
    const cutShort = helloBody(serverNameExtension(name));
    for (let length = 0; length < cutShort.length; length++) {
      const kind = broken(records(handshake(cutShort.subarray(0, length))));
      // Without any extensions it ends here, and that is a hello too.
      assert.equal(kind, length === helloBody(null).length ? 'hello' : 'malformed', `${length} bytes`);
    }
    const tooLong = Buffer.from([1, 0, 0x40, 1]);
    assert.equal(broken(records(tooLong)), 'malformed');
    assert.equal(broken(records(handshake(helloBody(null), 2))), 'malformed');
    assert.equal(broken(Uint8Array.of(0x16, 3, 1, 0, 0)), 'malformed');
    assert.equal(broken(Uint8Array.of(0x16, 3, 1, 0x40, 1)), 'malformed');
    assert.equal(broken(Uint8Array.of(0x15)), 'malformed');
  });
});
