import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { instanceId } from '../../src/base/brand.ts';
import { defaultServerTls, type ServerTls, tlsModes } from '../../src/config/tls.ts';
import { OperationFailed, type Target } from '../../src/engines/engine.ts';
import { engines } from '../../src/engines/engines.ts';
import { CertificateStore } from '../../src/tls/certificate-store.ts';
import { ManualClock } from '../control/manual-clock.ts';
import { type Authority, makeAuthority } from '../support/authority.ts';
import { type Certificate, certificateMissing } from '../support/certificate.ts';
import { scopeOf } from '../support/scope.ts';
import type { Cleanup } from '../support/servers.ts';
import { type TlsServer, tlsEngines } from '../support/tls-servers.ts';

const patientMs = 20_000;

for (const engine of await tlsEngines()) {
  describe(`TLS to a server: ${engine.name}`, { skip: engine.skip || certificateMissing() }, () => {
    const scope: Cleanup = scopeOf({ after });
    let ours: Authority;
    let server: TlsServer;
    let client: Certificate;
    let stranger: Certificate;
    const store = new CertificateStore({
      clock: new ManualClock(),
      onReloaded: () => {},
      onTrouble: () => {},
    });
    let folder = '';
    const file = (name: string): string => join(folder, name);

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'aurelay-server-tls-'));
      scope.after(() => rm(folder, { recursive: true, force: true }));
      ours = await makeAuthority(scope, 'ours');
      const theirs = await makeAuthority(scope, 'theirs');
      client = await ours.issue({ commonName: 'aurelay' });
      stranger = await theirs.issue({ commonName: 'aurelay' });
      await writeFile(file('ca.pem'), ours.certificate);
      for (const [name, { certificate, key }] of Object.entries({ client, stranger })) {
        await writeFile(file(`${name}.pem`), certificate);
        await writeFile(file(`${name}.key`), key);
      }
      server = await engine.start(scope, ours.certificate);
      shown.right = await ours.issue({ commonName: 'db1', names: 'DNS:localhost,IP:127.0.0.1' });
      shown.named = await ours.issue({ commonName: 'db2', names: 'DNS:db2.example.com' });
      shown.common = await ours.issue({ commonName: '127.0.0.1' });
      shown.expired = await ours.issue({ commonName: 'db1', names: 'IP:127.0.0.1', days: -1 });
      shown.foreign = await theirs.issue({ commonName: 'db1', names: 'IP:127.0.0.1' });
    });
    const shown: Record<string, Certificate> = {};
    const show = (name: string): Promise<void> => server.show(shown[name] as Certificate);

    function targetOf(changes: Partial<ServerTls>): Target {
      const verifies = changes.mode?.startsWith('verify') === true;
      const settings = { ...defaultServerTls, ca: verifies ? file('ca.pem') : null, ...changes };
      return {
        instance: instanceId('one'),
        address: { host: '127.0.0.1', port: server.port },
        user: 'watcher',
        password: null,
        database: engine.engine === 'postgres' ? 'postgres' : '',
        tls: store.client(settings),
      };
    }

    /** How the probe fared, and how the connection was where it was let in. */
    async function outcome(changes: Partial<ServerTls>): Promise<string> {
      const target = targetOf(changes);
      const probe = engines[engine.engine].createProbe(target);
      const result = await probe.probe(patientMs);
      probe.close();
      if (result.kind === 'observed') return server.connect(target);
      await assert.rejects(server.connect(target));
      return `${result.failure.reason}: ${result.failure.detail}`;
    }

    /** What each mode comes to, in the order of `tlsModes`. */
    async function expectEach(
      expected: readonly (string | RegExp)[],
      changes: Partial<ServerTls> = {},
    ): Promise<void> {
      for (const [index, mode] of tlsModes.entries()) {
        const wanted = expected[index] ?? '';
        const what = await outcome({ ...changes, mode });
        if (typeof wanted === 'string') assert.equal(what, wanted, mode);
        else assert.match(what, wanted, mode);
      }
    }

    it('without TLS', async () => {
      const refused = /^denied: the server offers no TLS, and `server_tls.mode` is `/;
      await expectEach(['plain', 'plain', refused, refused, refused]);
    });

    it('with the right certificate', async () => {
      await show('right');
      await expectEach(['plain', 'tls', 'tls', 'tls', 'tls']);
      assert.equal(
        await outcome({ mode: 'verify-full', certificate: file('client.pem'), key: file('client.key') }),
        'tls',
      );
    });

    it('operations go by the same settings', async () => {
      const operationsOn = (changes: Partial<ServerTls>) =>
        engines[engine.engine].createOperations(targetOf(changes));
      await show('right');
      await operationsOn({ mode: 'verify-full' }).unfence(patientMs);
      await assert.rejects(
        operationsOn({ mode: 'verify-full', serverName: 'db9.example.com' }).unfence(patientMs),
        (error) =>
          error instanceof OperationFailed &&
          /is for localhost, 127\.0\.0\.1, not for db9\.example\.com/.test(error.message),
      );
    });

    it('with the certificate of another name', async () => {
      await show('named');
      const wrong =
        /^denied: the server's certificate is for db2\.example\.com, not for 127\.0\.0\.1: set `server_tls\.server_name`/;
      await expectEach(['plain', 'tls', 'tls', 'tls', wrong]);
      assert.equal(await outcome({ mode: 'verify-full', serverName: 'db2.example.com' }), 'tls');
    });

    it('with a certificate whose common name alone is the address', async () => {
      await show('common');
      await expectEach(['plain', 'tls', 'tls', 'tls', 'tls']);
    });

    it('with an expired certificate', { skip: engine.skipFaulty }, async () => {
      await show('expired');
      const expired = /^denied: the server's certificate, or its authority's, has expired: renew it/;
      await expectEach(['plain', 'tls', 'tls', expired, expired]);
    });

    it('with the certificate of another authority', { skip: engine.skipFaulty }, async () => {
      await show('foreign');
      const foreign =
        /^denied: the server's certificate is not signed by an authority in .*ca\.pem: set `server_tls\.ca`/;
      await expectEach(['plain', 'tls', 'tls', foreign, foreign]);
    });

    it('that demands a certificate of its clients', async () => {
      await show('right');
      await server.demandClientCertificate(true);
      const own = { certificate: file('client.pem'), key: file('client.key') };
      const denied = /^denied: /;
      await expectEach([denied, denied, denied, denied, denied]);
      await expectEach([denied, 'tls', 'tls', 'tls', 'tls'], own);
      const strange = { certificate: file('stranger.pem'), key: file('stranger.key') };
      const refused = /^denied: .*does not accept Aurelay's certificate \(.*stranger\.pem\)/;
      await expectEach([denied, refused, refused, refused, refused], strange);
      await server.demandClientCertificate(false);
      assert.equal(await outcome({ ...strange, mode: 'prefer' }), 'plain');
    });

    it('goes by new files once they are there', { skip: engine.skipFaulty }, async () => {
      await show('foreign');
      assert.match(await outcome({ mode: 'verify-ca' }), /^denied/);
      const theirs = await makeAuthority(scope, 'newer');
      shown.newer = await theirs.issue({ commonName: 'db1', names: 'IP:127.0.0.1' });
      await show('newer');
      const target = targetOf({ mode: 'verify-full' });
      await writeFile(file('ca.pem'), `${ours.certificate}${theirs.certificate}`);
      assert.deepEqual(await store.reload(), []);
      assert.equal(await server.connect(target), 'tls');
    });
  });
}
