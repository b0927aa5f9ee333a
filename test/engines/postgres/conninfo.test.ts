import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Conninfo,
  ConninfoInvalid,
  formatConninfo,
  isSealed,
  parseConninfo,
  sameConninfo,
  sealed,
  sourceOf,
  withSource,
} from '../../../src/engines/postgres/conninfo.ts';

const settings = (conninfo: Conninfo): Record<string, string> => Object.fromEntries(conninfo);
const read = (text: string): Record<string, string> => settings(parseConninfo(text));

const keyword = fc.stringMatching(/^[a-z_]{1,12}$/).filter((text) => text !== '__proto__');
const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !text.includes('\0')),
  fc.string({ unit: fc.constantFrom(..."ab='\\ \n"), maxLength: 10 }),
);
const anyConninfo = fc.array(fc.tuple(keyword, value), { maxLength: 8 }).map((pairs) => new Map(pairs));

describe('conninfo', () => {
  it('reads keywords and values as libpq does', () => {
    assert.deepEqual(read(''), {});
    assert.deepEqual(read('  '), {});
    assert.deepEqual(read('host=db1 port=5432'), { host: 'db1', port: '5432' });
    assert.deepEqual(read(" host = db1\tport='5432'user=ann "), { host: 'db1', port: '5432', user: 'ann' });
    assert.deepEqual(read("password='it\\'s a \\\\ secret' dbname=''"), {
      password: "it's a \\ secret",
      dbname: '',
    });
    assert.deepEqual(read("password=a\\ b\\'c dbname="), { password: "a b'c", dbname: '' });
    assert.deepEqual(read('host=a host=b'), { host: 'b' });
    assert.deepEqual(read("options='-c work_mem=1MB'"), { options: '-c work_mem=1MB' });
  });

  it('reads URIs as libpq does', () => {
    assert.deepEqual(read('postgresql://'), {});
    assert.deepEqual(read('postgres://db1'), { host: 'db1' });
    assert.deepEqual(
      read('postgresql://ann:p%40s%20s@db1:5433/orders?sslmode=require&application_name=a%26b'),
      {
        user: 'ann',
        password: 'p@s s',
        host: 'db1',
        port: '5433',
        dbname: 'orders',
        sslmode: 'require',
        application_name: 'a&b',
      },
    );
    assert.deepEqual(read('postgresql://ann:wh?t@db1'), { user: 'ann', password: 'wh?t', host: 'db1' });
    assert.deepEqual(read('postgresql://[::1]:5433/'), { host: '::1', port: '5433' });
    assert.deepEqual(read('postgresql://db1:1,db2:2/x'), { host: 'db1,db2', port: '1,2', dbname: 'x' });
    assert.deepEqual(read('postgresql://%2Fvar%2Frun/x'), { host: '/var/run', dbname: 'x' });
    assert.deepEqual(read('postgresql:///x?host=db1&ssl=true'), {
      dbname: 'x',
      host: 'db1',
      sslmode: 'require',
    });
  });

  it('is sealed by a host that is nowhere, and keeps all that following needs', () => {
    const several = parseConninfo('host=a,b hostaddr=10.0.0.1,10.0.0.2 port=1,2 user=repl password=secret');
    const seal = sealed(several);
    assert.ok(isSealed(parseConninfo(formatConninfo(seal))));
    assert.ok(!isSealed(several));
    assert.equal(seal.has('hostaddr'), false);
    const source = { host: 'db1', port: 5433 };
    assert.deepEqual(withSource(seal, source, null), withSource(several, source, null));
    assert.ok(!isSealed(withSource(seal, source, null)));
    assert.deepEqual(sealed(seal), seal);
  });

  it('says what is wrong without showing any of it', () => {
    const wrong = [
      'hunter2',
      'host=db1 hunter2',
      "password='hunter2",
      '=hunter2',
      'postgresql://ann:hunter2%zz@db1',
      'postgresql://ann:hunter2%00@db1',
      'postgresql://[hunter2',
      'postgresql://db1?hunter2',
      'postgresql://db1?a=hunter2=b',
    ];
    for (const text of wrong) {
      assert.throws(
        () => parseConninfo(text),
        (error: Error) => error instanceof ConninfoInvalid && !error.message.includes('hunter2'),
        text,
      );
    }
  });

  it('comes back the same from its own text', () => {
    fc.assert(
      fc.property(anyConninfo, (conninfo) => {
        assert.deepEqual([...parseConninfo(formatConninfo(conninfo))], [...conninfo]);
      }),
    );
  });

  it('comes back the same from a URI', () => {
    const part = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 10 })
      .filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(part, part, part, part, (user, password, dbname, application) => {
        const [u, p, d, a] = [user, password, dbname, application].map(encodeURIComponent);
        assert.deepEqual(read(`postgresql://${u}:${p}@db1:1/${d}?application_name=${a}`), {
          user,
          password,
          host: 'db1',
          port: '1',
          dbname,
          application_name: application,
        });
      }),
    );
  });

  it('reads any text, or says that it is wrong', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(..."ab='\\ %:/?@&,[]0") }),
    );
    fc.assert(
      fc.property(anyText, fc.boolean(), (text, isUri) => {
        try {
          parseConninfo(isUri ? `postgresql://${text}` : text);
        } catch (error) {
          assert.ok(error instanceof ConninfoInvalid);
        }
      }),
    );
  });

  it('is pointed at another server with all else kept', () => {
    const source = { host: 'db2', port: 5433 };
    const before = parseConninfo(
      'user=ann hostaddr=10.0.0.1 host=a,b port=1,2 password=x application_name=r1',
    );
    assert.deepEqual(settings(withSource(before, source, null)), {
      user: 'ann',
      host: 'db2',
      port: '5433',
      password: 'x',
      application_name: 'r1',
    });
    const withUser = withSource(before, source, { user: 'eve', password: 'y' });
    assert.equal(withUser.get('user'), 'eve');
    assert.equal(withUser.get('password'), 'y');
    assert.equal(withSource(before, source, { user: 'eve', password: null }).has('password'), false);
    fc.assert(
      fc.property(anyConninfo, (conninfo) => {
        const changed = withSource(conninfo, source, null);
        assert.deepEqual(sourceOf(changed), source);
        assert.ok(sameConninfo(withSource(changed, source, null), changed));
        for (const [name, kept] of conninfo) {
          if (!['host', 'hostaddr', 'port'].includes(name)) assert.equal(changed.get(name), kept);
        }
      }),
    );
  });

  it('names its first server', () => {
    const source = (text: string) => sourceOf(parseConninfo(text));
    assert.deepEqual(source('host=a,b port=1,2'), { host: 'a', port: 1 });
    assert.deepEqual(source('hostaddr=10.0.0.1'), { host: '10.0.0.1', port: 5432 });
    assert.deepEqual(source('host=a port='), { host: 'a', port: 5432 });
    assert.equal(source('user=ann'), null);
  });

  it('has no keyword that would make it a URI when it is written again', () => {
    assert.throws(() => parseConninfo('\npostgresql://='), /keyword .* that there is none of/);
  });

  it('has no parameter whose name would read as something else when it is written again', () => {
    for (const name of ['s%20', "x%3D'evil'%20host", "a'b", 'host%0A']) {
      assert.throws(() => parseConninfo(`postgres://?${name}=1`), /name that no parameter has/);
    }
  });
});
