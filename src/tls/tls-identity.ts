import type { SecureContext } from 'node:tls';
import { assert } from '../base/assert.ts';
import type { TlsMaterial } from './tls-files.ts';

/** A certificate that Aurelay shows to its own clients, as it is in the files now: ask anew for each connection. */
export class TlsIdentity {
  readonly #material: () => TlsMaterial;

  constructor(material: () => TlsMaterial) {
    this.#material = material;
  }

  /** For `new TLSSocket(socket, { isServer: true, secureContext })`, or the `setSecureContext` of a server. */
  get context(): SecureContext {
    return this.#material().context;
  }

  /** The certificate itself, in DER. */
  get certificate(): Buffer {
    const { leaf } = this.#material();
    assert(leaf !== null, 'an identity has a certificate');
    return leaf.raw;
  }
}
