import assert from 'node:assert/strict';
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import type { LookupFunction } from 'node:net';
import { after, it } from 'node:test';
import { instanceId } from '../../src/base/brand.ts';
import { eventually } from '../proxy/support/real-clock.ts';
import { defaultTls } from '../support/default-tls.ts';
import { WickedServer } from './support/wicked-server.ts';

// The engines ask the system: what the system says is changed before they are loaded, in this process alone.
const system = dns.lookup;
const unanswered: (() => void)[] = [];
let answers = false;
const changed: LookupFunction = (host, options, done) => {
  if (host !== 'db1.invalid') return system(host, options, done);
  const found = () =>
    options.all ? done(null, [{ address: '127.0.0.1', family: 4 }], 0) : done(null, '127.0.0.1', 4);
  if (answers) setImmediate(found);
  else unanswered.push(() => done(new Error('no answer'), options.all ? [] : '', 0));
};
dns.lookup = changed as typeof system;
syncBuiltinESMExports();
after(() => {
  dns.lookup = system;
  syncBuiltinESMExports();
});
const { mysql } = await import('../../src/engines/mysql/engine.ts');
const { postgres } = await import('../../src/engines/postgres/engine.ts');

for (const engine of [postgres, mysql]) {
  it(`a probe of ${engine.name} ends at its deadline where nobody answers for the name, and asks again`, {
    timeout: 30_000,
  }, async (t) => {
    answers = false;
    const server = await WickedServer.start((socket) => socket.destroy());
    const probe = engine.createProbe({
      instance: instanceId('db1'),
      address: { host: 'db1.invalid', port: server.port },
      user: 'aurelay',
      password: 'secret',
      database: 'postgres',
      tls: defaultTls,
    });
    t.after(async () => {
      probe.close();
      await server.stop();
    });
    for (let i = 0; i < 3; i++) {
      const result = await probe.probe(100);
      assert.equal(result.kind === 'failed' && result.failure.reason, 'timeout');
    }
    assert.equal(unanswered.length, 1, 'the lookup is shared');
    answers = true;
    for (const give of unanswered.splice(0)) give();
    await probe.probe(5000);
    await eventually(() => server.accepted > 0, 'the server is reached');
  });
}
