import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';

const vector = (size: 1 | 2, body: Uint8Array): Buffer => {
  const length = Buffer.alloc(size);
  length.writeUIntBE(body.length, 0, size);
  return Buffer.concat([length, body]);
};

const extension = (type: number, body: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([type >> 8, type & 255]), vector(2, body)]);

export const serverNameExtension = (name: string): Buffer =>
  extension(0, vector(2, Buffer.concat([Buffer.of(0), vector(2, Buffer.from(name, 'latin1'))])));

/** The body of a ClientHello (RFC 8446, 4.1.2) with these extensions; null: without the field. */
export const helloBody = (extensions: Uint8Array | null): Buffer =>
  Buffer.concat([
    Buffer.from([3, 3]),
    randomBytes(32),
    vector(1, randomBytes(32)),
    vector(2, Buffer.from([0x13, 0x01, 0x13, 0x02])),
    vector(1, Buffer.of(0)),
    extensions === null ? Buffer.alloc(0) : vector(2, extensions),
  ]);

export function handshake(body: Uint8Array, type = 1): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  head[0] = type;
  return Buffer.concat([head, body]);
}

/** A handshake message in records of at most `recordBytes`. */
export function records(message: Uint8Array, recordBytes = 16_384): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += recordBytes) {
    const payload = message.subarray(at, at + recordBytes);
    parts.push(Buffer.from([0x16, 3, 1]), vector(2, payload));
  }
  return Buffer.concat(parts);
}

/** A whole ClientHello, made by hand; `name` null: without a server name. */
export const clientHello = (name: string | null, recordBytes?: number): Buffer =>
  records(
    handshake(
      helloBody(
        Buffer.concat([
          extension(43, Buffer.from([2, 3, 4])),
          name === null ? Buffer.alloc(0) : serverNameExtension(name),
          extension(21, Buffer.alloc(64)),
        ]),
      ),
    ),
    recordBytes,
  );

/** The ClientHello that this Node's OpenSSL sends; `alpn`: the protocol that it means. */
export function realClientHello(servername: string, alpn = 'postgresql'): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const wire = new Duplex({
      read() {},
      write(chunk: Buffer) {
        resolve(chunk);
        setImmediate(() => socket.destroy());
      },
    });
    const socket = connect({ socket: wire, servername, ALPNProtocols: [alpn] });
    socket.on('error', reject);
  });
}
