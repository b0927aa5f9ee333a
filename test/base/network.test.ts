import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { asIpv6, formatIp, fromIpv6, parseIp } from '../../src/base/ip.ts';
import { formatNetwork, isWithin, parseNetwork } from '../../src/base/network.ts';

const address = fc.oneof(fc.ipV4(), fc.ipV6());

describe('an IP address', () => {
  it('is read where Node reads one, and nowhere else', () => {
    const text = fc.oneof(address, fc.string({ unit: fc.constantFrom(...'0123456789abf:.') }), fc.string());
    fc.assert(
      fc.property(text, (written) => {
        assert.equal(parseIp(written) !== null, isIP(written.split('%')[0] === written ? written : '') > 0);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is the same after it was written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const ip = fromIpv6(bytes);
        assert.deepEqual(parseIp(formatIp(ip)), ip);
        assert.deepEqual(fromIpv6(asIpv6(ip)), ip);
      }),
    );
  });

  it('has one spelling', () => {
    const cases: readonly [string, string | null][] = [
      ['10.0.0.1', '10.0.0.1'],
      ['::ffff:10.0.0.1', '10.0.0.1'],
      ['::FFFF:a00:1', '10.0.0.1'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
      ['::1.2.3.4', '::102:304'],
      ['010.0.0.1', null],
      ['10.0.0.256', null],
      ['1::2::3', null],
      [':1:2:3:4:5:6:7', null],
      ['fe80::1%eth0', null],
      ['', null],
    ];
    for (const [written, expected] of cases) {
      const ip = parseIp(written);
      assert.equal(ip === null ? null : formatIp(ip), expected, written);
    }
  });
});

describe('a network', () => {
  it('has the addresses that Node finds in it', () => {
    const member = fc.tuple(address, address, fc.nat(128), fc.boolean());
    fc.assert(
      fc.property(member, ([base, other, bits, near]) => {
        const ip = parseIp(near ? base : other);
        const size = isIP(base) === 4 ? 32 : 128;
        const prefix = bits % (size + 1);
        const network = parseNetwork(`${base}/${prefix}`);
        if (ip === null || network === null || base.includes('.') !== (size === 32)) return;
        if (network.ip.length * 8 !== size) return;
        const list = new BlockList();
        list.addSubnet(base, prefix, size === 32 ? 'ipv4' : 'ipv6');
        const expected = ip.length * 8 === size && list.check(formatIp(ip), size === 32 ? 'ipv4' : 'ipv6');
        assert.equal(isWithin(ip, network), expected);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is IPv4 where it is written as mapped IPv6', () => {
    const shown = (text: string) => {
      const network = parseNetwork(text);
      return network === null ? null : formatNetwork(network);
    };
    assert.equal(shown('::ffff:10.0.0.0/104'), '10.0.0.0/8');
    assert.equal(shown('10.9.8.7/8'), '10.0.0.0/8');
    assert.equal(shown('fd00::1'), 'fd00::1');
    for (const wrong of [
      '10.0.0.0/33',
      '10.0.0.0/08',
      '::/129',
      '::ffff:0:0/95',
      '10.0.0.0/',
      'a/8',
      '1.2.3.4/8/8',
    ])
      assert.equal(shown(wrong), null, wrong);
  });
});
