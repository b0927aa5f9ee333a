import type { Finding } from '../finding.ts';
import type { Inspection } from '../inspection.ts';
import type { Path } from '../outline.ts';
import { type Check, type ClusterDraft, clustersOf, endpointsOf, error, warning } from './check.ts';

type TlsDraft = NonNullable<ReturnType<typeof endpointsOf>[number]['value']['tls']>;

/** What ends TLS has a certificate, and what that does to logins is told. */
export const checkTermination: Check = function* (inspection) {
  for (const cluster of clustersOf(inspection)) {
    for (const { path, value } of endpointsOf(cluster)) {
      if (value.tls === undefined) continue;
      const at = [...path, 'tls'];
      yield* files(at, value.tls, inspection);
      if (value.tls.mode === 'terminate') yield* logins(at, value.tls, cluster.value);
    }
  }
};

function* files(path: Path, { mode }: TlsDraft, { has }: Inspection): Iterable<Finding> {
  for (const key of ['certificate', 'key'] as const) {
    if (mode !== 'terminate' || has([...path, key])) continue;
    yield error('missing-key', path, `\`mode: terminate\` needs a key \`${key}\``, {
      on: 'key',
      hint: `add \`${key}: FILE\`, in PEM form`,
    });
  }
  for (const key of ['certificate', 'key', 'required'] as const) {
    if (mode !== 'passthrough' || !has([...path, key])) continue;
    yield error('inapplicable-key', [...path, key], `\`mode: passthrough\` has no \`${key}\``, {
      on: 'key',
      hint: 'TLS that passes through ends at the servers: set `mode: terminate` to end it here',
    });
  }
}

/** What a login sees of the two connections below it. */
function* logins(path: Path, { required }: TlsDraft, cluster: ClusterDraft): Iterable<Finding> {
  const mode = cluster.server_tls?.mode;
  const at = [...path, 'mode'];
  if (cluster.engine === 'postgres' && mode !== undefined && mode !== 'disable') {
    yield warning(
      'refused-logins',
      at,
      "libpq (psql and most drivers built on it) binds SCRAM logins to the certificate that it sees: unless that is the servers' own, such a client is refused",
      {
        hint: 'give this endpoint and the servers the same certificate, set channel_binding=disable in these clients, or `server_tls: { mode: disable }`',
      },
    );
  }
  if (cluster.engine !== 'mysql') return;
  if (mode === 'disable') {
    yield warning(
      'refused-logins',
      at,
      'a client in TLS sends the password of a `caching_sha2_password` user (the default of MySQL) in clear, and to the servers there is no TLS: such logins are refused',
      { hint: "set `server_tls: { mode: require }`; MariaDB's own login methods are not concerned" },
    );
  }
  if (required === 'false' && (mode === 'require' || mode === 'verify-ca' || mode === 'verify-full')) {
    yield error(
      'conflicting-keys',
      [...path, 'required'],
      `a MySQL client without TLS cannot be given a server with TLS, which \`server_tls.mode: ${mode}\` demands: the two would not agree on how to send the password`,
      { hint: 'remove `required`, or set `server_tls: { mode: prefer }`' },
    );
  }
}
