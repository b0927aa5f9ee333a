import type { Finding } from '../finding.ts';
import type { Inspection } from '../inspection.ts';
import type { Path } from '../outline.ts';
import { type Check, type ClusterDraft, clustersOf, error } from './check.ts';

/** What is said of TLS to the servers goes together, and no part of it is there to no effect. */
export const checkServerTls: Check = function* (inspection) {
  for (const { path, value } of clustersOf(inspection)) {
    const tls = value.server_tls;
    if (tls === undefined) continue;
    const at = [...path, 'server_tls'];
    yield* authority(tls, at, inspection);
    yield* pair(at, inspection);
    yield* unused(tls, at, inspection);
  }
};

type ServerTlsDraft = NonNullable<ClusterDraft['server_tls']>;

/** libpq refuses `verify-ca` with the public authorities too: anybody can have a certificate of theirs. */
function* authority({ mode }: ServerTlsDraft, path: Path, { has }: Inspection): Iterable<Finding> {
  if (mode !== 'verify-ca' || has([...path, 'ca'])) return;
  yield error('missing-key', path, '`mode: verify-ca` needs a key `ca`', {
    on: 'key',
    hint: 'add `ca: FILE` with the authority that signed the certificates of the servers; `verify-full` can do without one, and then goes by the public authorities',
  });
}

function* pair(path: Path, { has }: Inspection): Iterable<Finding> {
  for (const [one, other] of [
    ['certificate', 'key'],
    ['key', 'certificate'],
  ] as const) {
    if (!has([...path, one]) || has([...path, other])) continue;
    yield error('missing-key', [...path, one], `\`${one}\` is given without \`${other}\``, {
      on: 'key',
      hint: 'a certificate and its private key come together',
    });
  }
}

/** libpq verifies with `require` too where it finds an authority: whoever expects that must not be left without. */
function* unused({ mode }: ServerTlsDraft, path: Path, { has }: Inspection): Iterable<Finding> {
  const idle =
    mode === 'disable'
      ? ['ca', 'certificate', 'key', 'server_name']
      : mode === 'prefer' || mode === 'require'
        ? ['ca']
        : [];
  for (const name of idle) {
    if (!has([...path, name])) continue;
    yield error('inapplicable-key', [...path, name], `\`${name}\` has no effect with \`mode: ${mode}\``, {
      on: 'key',
      hint:
        name === 'ca'
          ? 'set `mode: verify-ca` or `verify-full`, which verify the certificate of the server, or remove the key'
          : 'remove the key, or set another mode',
    });
  }
}
