import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { defaultServerTls } from '../../src/config/tls.ts';
import { CertificateStore } from '../../src/tls/certificate-store.ts';
import { inspectTlsFiles } from '../../src/tls/inspect-files.ts';
import { TlsFilesInvalid } from '../../src/tls/tls-files.ts';
import { ManualClock } from '../control/manual-clock.ts';
import { makeAuthority } from '../support/authority.ts';
import { certificateMissing } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { scopeOf } from '../support/scope.ts';

const skip = certificateMissing();

/** A store over a folder with one certificate of an authority: `ca.pem`, `one.pem`, `one.key`. */
async function storeOf(t: TestContext) {
  const scope = scopeOf(t);
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-store-'));
  scope.after(() => rm(folder, { recursive: true, force: true }));
  const file = (name: string): string => join(folder, name);
  const authority = await makeAuthority(scope, 'ours');
  const write = async (name: string, { certificate, key }: { certificate: string; key: string }) => {
    await writeFile(file(`${name}.pem`), certificate);
    await writeFile(file(`${name}.key`), key);
  };
  const first = await authority.issue({ commonName: 'first' });
  await write('one', first);
  await writeFile(file('ca.pem'), authority.certificate);
  const told: string[] = [];
  const clock = new ManualClock();
  const store = new CertificateStore({
    clock,
    onReloaded: () => told.push('reloaded'),
    onTrouble: (why) => told.push(why.replaceAll(folder, '')),
  });
  t.after(() => store.stop());
  return { authority, file, write, first, told, clock, store };
}

const rawOf = ({ certificate }: { certificate: string }): Buffer => new X509Certificate(certificate).raw;

test('a changed certificate is in use after the next look, and never half of it', { skip }, async (t) => {
  const { authority, file, first, told, clock, store } = await storeOf(t);
  // At once: a look that is under way must not see half a file.
  const replace = async (name: string, text: string): Promise<void> => {
    await writeFile(file(`${name}.new`), text);
    await rename(file(`${name}.new`), file(name));
  };
  const identity = store.identity({ certificate: file('one.pem'), key: file('one.key') });
  const context = identity.context;
  assert.deepEqual(identity.certificate, rawOf(first));
  store.start();
  const look = async (done: () => boolean): Promise<void> => {
    await eventually('it looked', async () => {
      await clock.advance(10_000);
      return done();
    });
  };
  const second = await authority.issue({ commonName: 'second' });
  await replace('one.pem', second.certificate);
  await look(() => told.length > 0);
  assert.deepEqual(told, ['/one.key is not the key of the certificate']);
  assert.deepEqual(identity.certificate, rawOf(first));
  assert.equal(identity.context, context);
  await replace('one.key', second.key);
  await look(() => told.length > 1);
  assert.deepEqual(told.slice(1), ['reloaded']);
  assert.deepEqual(identity.certificate, rawOf(second));
  assert.notEqual(identity.context, context);
});

test('files that are no good are told of once, and leave what was read in use', { skip }, async (t) => {
  const { file, first, told, store } = await storeOf(t);
  const identity = store.identity({ certificate: file('one.pem'), key: file('one.key') });
  await rm(file('one.pem'));
  assert.equal((await store.reload()).length, 1);
  assert.equal((await store.reload()).length, 1);
  assert.deepEqual(told, ['/one.pem does not exist']);
  assert.deepEqual(identity.certificate, rawOf(first));
  await writeFile(file('one.pem'), first.certificate);
  assert.deepEqual(await store.reload(), []);
  // As they were when they were read: there is nothing new to tell of.
  assert.equal(told.length, 1);
});

test('each file has its expiry, until nobody uses it', { skip }, async (t) => {
  const { authority, file, first, store } = await storeOf(t);
  const soon = await authority.issue({ commonName: 'soon', days: 1 });
  await writeFile(file('chain.pem'), first.certificate + soon.certificate);
  await writeFile(file('both.pem'), soon.certificate + authority.certificate);
  store.identity({ certificate: file('chain.pem'), key: file('one.key') });
  store.client({ ...defaultServerTls, mode: 'verify-ca', ca: file('both.pem') });
  const expiryOf = (pem: string): number => Date.parse(new X509Certificate(pem).validTo);
  assert.deepEqual(store.expiries(), [
    { file: file('chain.pem'), at: expiryOf(soon.certificate) },
    { file: file('both.pem'), at: expiryOf(authority.certificate) },
  ]);
  store.retain(({ ca }) => ca !== null);
  assert.deepEqual(
    store.expiries().map((expiry) => expiry.file),
    [file('both.pem')],
  );
});

test('what is wrong with a file is said with its name, and no key is ever quoted', { skip }, async (t) => {
  const { file, first, store } = await storeOf(t);
  const cases: readonly (readonly [content: string | null, what: RegExp])[] = [
    [null, /bad\.key does not exist$/],
    ['', /bad\.key holds no private key in PEM form/],
    [first.key.slice(0, 120), /bad\.key holds no private key in PEM form/],
    [
      first.key.replace('BEGIN PRIVATE', 'BEGIN ENCRYPTED PRIVATE'),
      /bad\.key is encrypted with a passphrase/,
    ],
  ];
  for (const [content, what] of cases) {
    if (content !== null) await writeFile(file('bad.key'), content);
    assert.throws(
      () => store.identity({ certificate: file('one.pem'), key: file('bad.key') }),
      (error) =>
        error instanceof TlsFilesInvalid &&
        what.test(error.message) &&
        !/[A-Za-z0-9+/]{40}/.test(error.message.replaceAll(file(''), '')),
    );
  }
  await writeFile(file('empty.pem'), 'nothing');
  assert.throws(
    () => store.client({ ...defaultServerTls, mode: 'verify-ca', ca: file('empty.pem') }),
    /empty\.pem holds no certificate in PEM form/,
  );
});

test('check tells of every file at once, and of one that expires', { skip }, async (t) => {
  const { authority, file, write } = await storeOf(t);
  await write('old', await authority.issue({ commonName: 'old', days: -1 }));
  const inspect = (files: Parameters<typeof inspectTlsFiles>[0]) =>
    inspectTlsFiles(files, file, Date.now()).map(
      ({ which, what, severity }) => `${severity} ${which} ${what}`,
    );
  assert.deepEqual(inspect({ ca: 'missing.pem', certificate: 'one.key', key: 'one.key' }), [
    'error ca does not exist',
    'error certificate holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)',
  ]);
  assert.deepEqual(inspect({ certificate: 'one.pem', key: 'old.key' }), [
    'error key is not the key of the certificate',
  ]);
  const told = (name: string): string => inspect({ certificate: `${name}.pem`, key: `${name}.key` }).join();
  assert.match(told('old'), /^warning certificate holds a certificate that expired on \d{4}-\d\d-\d\d$/);
  assert.match(told('one'), /^warning certificate holds a certificate that expires on \d{4}-\d\d-\d\d$/);
  const monthAgo = Date.now() - 30 * 86_400_000;
  assert.deepEqual(inspectTlsFiles({ certificate: 'one.pem', key: 'one.key' }, file, monthAgo), []);
});
