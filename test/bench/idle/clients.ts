import { connect, type Socket } from 'node:net';

/**
 * `clients.ts PORT COUNT`: opens that many sessions of the user `idle`, prints `ready`, and keeps them until it is
 * killed. Prints the reason and ends where one is lost.
 */
const [port, count] = process.argv.slice(2).map(Number);
if (port === undefined || count === undefined) throw new Error('clients.ts PORT COUNT');

const parameters = Buffer.from('user\0idle\0database\0postgres\0\0');
const startup = Buffer.concat([Buffer.alloc(8), parameters]);
startup.writeInt32BE(startup.length, 0);
startup.writeInt32BE(196_608, 4);

/** Of connections that are being opened at a time. */
const pace = 64;
let started = 0;
let opened = 0;
const sockets: Socket[] = [];

function lose(why: string): void {
  console.log(`lost a session after ${opened} of ${count}: ${why}`);
  process.exit(1);
}

function openNext(): void {
  if (started === count) return;
  started += 1;
  const socket = connect({ host: '127.0.0.1', port: port as number });
  sockets.push(socket);
  socket.on('error', (error) => lose(error.message));
  socket.on('close', () => lose('closed'));
  socket.write(startup);
  let heard = Buffer.alloc(0);
  const hear = (chunk: Buffer) => {
    heard = Buffer.concat([heard, chunk]);
    if (heard.at(-6) !== 'Z'.charCodeAt(0)) return;
    socket.off('data', hear).resume();
    opened += 1;
    if (opened === count) console.log('ready');
    openNext();
  };
  socket.on('data', hear);
}

for (let at = 0; at < pace; at++) openNext();
