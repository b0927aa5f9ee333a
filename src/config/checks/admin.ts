import { isLoopback } from '../address.ts';
import { type Check, error } from './check.ts';

/** Beyond this machine the admin API, which can start a failover, is encrypted and asks who is there. */
export const checkAdmin: Check = function* ({ settings, has }) {
  const listen = settings.admin?.listen;
  if (!listen || isLoopback(listen.host)) return;
  const at = ['admin', 'listen'];
  if (!has(['admin', 'tls']) && settings.admin?.allow_insecure === 'false') {
    yield error('exposed-admin', at, 'the admin API would be reached over the network without encryption', {
      hint: 'add `tls: { certificate: …, key: … }`, listen on 127.0.0.1, or say `allow_insecure: true`',
    });
  }
  // A reference to the environment that is empty counts as no token; one that is wrong was told of already.
  const noToken = settings.admin?.token === null || !has(['admin', 'token']);
  if (noToken && !has(['admin', 'token_file'])) {
    yield error('exposed-admin', at, 'everybody who reaches the admin API could start a failover', {
      hint: 'add `token_file: …` or `token: …` to `admin`, or listen on 127.0.0.1',
    });
  }
};
