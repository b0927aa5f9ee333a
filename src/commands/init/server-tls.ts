import { resolve } from 'node:path';
import { defaultServerTls, type ServerTls } from '../../config/tls.ts';
import { type InitOptions, NotUsable } from './options.ts';

/** As the configuration will have it. Throws `NotUsable`, in the words of the command line. */
export function serverTlsOf({ serverTls, serverCa }: InitOptions): ServerTls {
  const mode = serverTls ?? (serverCa === undefined ? defaultServerTls.mode : 'verify-full');
  if (serverCa !== undefined && mode !== 'verify-ca' && mode !== 'verify-full') {
    throw new NotUsable(
      `--server-ca has no effect with --server-tls ${mode}: verify-ca and verify-full go by it`,
    );
  }
  if (mode === 'verify-ca' && serverCa === undefined) {
    throw new NotUsable(
      '--server-tls verify-ca needs --server-ca FILE: the authority of the servers’ certificates',
    );
  }
  return { ...defaultServerTls, mode, ca: serverCa === undefined ? null : resolve(serverCa) };
}
