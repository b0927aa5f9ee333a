import { connect, createServer, type Socket } from 'node:net';

/**
 * `server.ts PORT SERVER_PORT`: a PostgreSQL server for crowds. The sessions of the user `idle` it serves itself, with
 * a greeting and silence, because ten thousand processes of a real server would not fit beside the measurement. All
 * others (Aurelay's probes) it carries to the real server.
 */
const [port, serverPort] = process.argv.slice(2).map(Number);
if (port === undefined || serverPort === undefined) throw new Error('server.ts PORT SERVER_PORT');

const encryptionRequests = [80877103, 80877104];

const message = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};

/** AuthenticationOk, a parameter, BackendKeyData, ReadyForQuery. */
const greeting = Buffer.concat([
  message('R', Buffer.alloc(4)),
  message('S', Buffer.from('server_version\x0018.0\0')),
  message('K', Buffer.alloc(8)),
  message('Z', Buffer.from('I')),
]);

function hear(socket: Socket, chunk: Buffer): void {
  if (encryptionRequests.includes(chunk.readInt32BE(4))) {
    socket.write('N');
    return;
  }
  socket.removeAllListeners('data');
  if (chunk.includes('user\0idle\0')) {
    socket.write(greeting);
    socket.resume();
    return;
  }
  const server = connect({ host: '127.0.0.1', port: serverPort as number, noDelay: true });
  server.on('error', () => socket.destroy());
  socket.on('error', () => server.destroy());
  server.write(chunk);
  socket.pipe(server).pipe(socket);
}

const listener = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => hear(socket, chunk));
});
listener.listen({ host: '127.0.0.1', port, backlog: 4096 });
