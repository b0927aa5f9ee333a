import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { it } from 'node:test';
import { Peer } from './support/peer.ts';
import { eventually } from './support/real-clock.ts';

/** Few enough to run out of, enough for Node to start. */
const maxDescriptors = 64;

it('a listener that runs out of file descriptors turns clients away, survives, and accepts again', async () => {
  const script = join(import.meta.dirname, 'support', 'starved-listener.ts');
  const command = `ulimit -n ${maxDescriptors} && exec "$0" --import tsx "$1"`;
  const child = spawn('sh', ['-c', command, process.execPath, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const peers: Peer[] = [];
  try {
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    await eventually(() => output.includes('\n') || child.exitCode !== null, 'it listens', 30_000);
    const { port } = JSON.parse(output.split('\n')[0] ?? '') as { port: number };
    const open = () => {
      const peer = new Peer(connect({ host: '127.0.0.1', port, allowHalfOpen: true }));
      peers.push(peer);
      return peer.send('hello');
    };
    for (let i = 0; i < 2 * maxDescriptors; i++) open();
    // libuv takes connections with a descriptor that it keeps for this, and closes them: nobody is left to wait.
    await eventually(
      () => peers.every((peer) => peer.isOver || peer.text === 'hello'),
      'each is served or closed',
      30_000,
    );
    assert.ok(peers.some((peer) => peer.isOver));
    assert.ok(peers.some((peer) => peer.text === 'hello'));
    for (const { socket } of peers) socket.destroy();
    let late = open();
    await eventually(
      () => {
        if (late.isOver) late = open();
        return late.text === 'hello';
      },
      'it accepts again',
      30_000,
    );
    assert.equal(child.exitCode, null);
  } finally {
    for (const { socket } of peers) socket.destroy();
    child.kill('SIGKILL');
    await exited;
  }
});
