import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadNativeAddon, type NativeAddon } from '../../../src/proxy/relay/native-addon.ts';
import { programMissing } from '../../support/programs.ts';

const script = fileURLToPath(new URL('../../../native/build.mjs', import.meta.url));

/** For `test(…, { skip }, …)`: false where the native relay can be compiled, else why not. */
export const nativeMissing: false | string =
  process.platform === 'linux' ? programMissing('cc') : 'the native relay needs Linux';

let built: NativeAddon | null = null;

/** The native relay as the sources are now, compiled with every warning an error. */
export function builtAddon(): NativeAddon {
  if (built !== null) return built;
  const folder = mkdtempSync(join(tmpdir(), 'aurelay-native-'));
  try {
    const output = join(folder, 'relay.node');
    const cflags = process.env.AURELAY_TEST_CFLAGS ?? '';
    const args = [script, '--strict', '--output', output, `--cflags=${cflags}`];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the native relay does not compile: ${stdout}${stderr}`);
    const addon = loadNativeAddon(output);
    if (typeof addon === 'string') throw new Error(addon);
    built = addon;
    return addon;
  } finally {
    // A loaded library needs its file no more.
    rmSync(folder, { recursive: true, force: true });
  }
}
