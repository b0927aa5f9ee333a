/** A listener that echoes, in a process of its own, for a test that takes its file descriptors away. Says its port. */
import pino from 'pino';
import { openListener } from '../../../src/proxy/listener.ts';
import { writer } from '../../endpoints/support/view.ts';
import { realClock } from './real-clock.ts';

const { address } = await openListener(writer(), realClock, pino({ level: 'silent' }), (socket) => {
  socket.on('data', (chunk) => socket.write(chunk));
  socket.on('end', () => socket.end());
  socket.resume();
});
process.stdout.write(`${JSON.stringify({ port: address.port })}\n`);
