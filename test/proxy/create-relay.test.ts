import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createRelay, NoSuchRelay } from '../../src/proxy/relay/create-relay.ts';
import { loadNativeAddon } from '../../src/proxy/relay/native-addon.ts';
import { SimulatedClock } from './support/simulated-clock.ts';

const clock = new SimulatedClock();
const isBuilt = typeof loadNativeAddon() !== 'string';

describe('which relay carries', () => {
  it('is the native one where it was built, else streams', () => {
    const { kind, detail } = createRelay(clock, {});
    assert.equal(kind, isBuilt ? 'native' : 'stream');
    assert.match(detail, isBuilt ? /native code carries/ : /the native relay is not there: it /);
  });

  it('is the one that AURELAY_RELAY names', () => {
    assert.equal(createRelay(clock, { AURELAY_RELAY: 'stream' }).kind, 'stream');
    const native = () => createRelay(clock, { AURELAY_RELAY: 'native' });
    if (isBuilt) assert.equal(native().kind, 'native');
    else assert.throws(native, /AURELAY_RELAY asks for the native relay, but it .*build\.mjs/);
  });

  it('is an error where the name is unknown, or the number of threads none', () => {
    assert.throws(() => createRelay(clock, { AURELAY_RELAY: 'Native' }), {
      name: NoSuchRelay.name,
      message: 'AURELAY_RELAY is "Native": set it to native or stream, or not at all',
    });
    if (!isBuilt) return;
    for (const threads of ['0', '65', '1.5', 'two']) {
      assert.throws(
        () => createRelay(clock, { AURELAY_RELAY_THREADS: threads }),
        /AURELAY_RELAY_THREADS is .* from 1 to 64/,
      );
    }
  });

  it('says why there is no addon', () => {
    assert.match(
      String(loadNativeAddon('/nonexistent/relay.node')),
      /not built: run `node \S*native\/build\.mjs`/,
    );
  });
});

describe('the build of the native relay', () => {
  const build = (env: Record<string, string>, ...args: readonly string[]) =>
    spawnSync(
      process.execPath,
      [
        fileURLToPath(new URL('../../native/build.mjs', import.meta.url)),
        '--output',
        '/nonexistent/relay.node',
      ].concat(args),
      { encoding: 'utf8', env: { PATH: process.env.PATH ?? '', ...env } },
    );

  it('says in one line why it cannot compile, and does not fail an installation', () => {
    const { status, stdout, stderr } = build({ CC: 'no-such-compiler' });
    assert.equal(status, 0);
    assert.match(stdout, /^native relay: not built \(.*\); Aurelay carries bytes with Node's streams\n$/);
    assert.equal(stderr, '');
  });

  it('fails where it has been told to', () => {
    assert.equal(build({ CC: 'no-such-compiler' }, '--strict').status, 1);
  });
});
