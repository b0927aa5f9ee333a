import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { afterEach, describe, it } from 'node:test';
import { KillWatch } from '../../src/engines/mysql/kill-watch.ts';
import { encodePacket } from '../../src/engines/mysql/packets.ts';
import { abort } from '../../src/proxy/abort.ts';
import type { CloseReason } from '../../src/proxy/observer.ts';
import type { ByteCounts, HeldCommands, Relay, RelayHandle } from '../../src/proxy/relay/relay.ts';
import { openPair, type Pair, type Peer } from './support/peer.ts';
import { eventually, pause } from './support/real-clock.ts';

interface Session {
  readonly client: Peer;
  readonly server: Peer;
  readonly handle: RelayHandle;
  readonly near: { readonly client: { destroyed: boolean }; readonly server: { destroyed: boolean } };
  /** Null while it goes on. */
  end(): { readonly reason: CloseReason; readonly bytes: ByteCounts } | null;
  ends: number;
}

interface Initial {
  readonly toServer?: string;
  readonly toClient?: string;
  readonly idleTimeoutMs?: number;
  readonly held?: HeldCommands;
}

const megabyte = 1024 * 1024;

/** A client's first packet, of number 1, with these capabilities. */
const login = (capabilities = 0): Buffer => {
  const payload = Buffer.alloc(40);
  payload.writeUInt32LE(capabilities);
  return Buffer.from(encodePacket(1, payload));
};
const command = (text: string): Buffer => Buffer.from(encodePacket(0, Buffer.from(`\x03${text}`)));

/** Replaces each command that is held back by what `release` is given; `seen` has the commands. */
function holder(): {
  readonly held: HeldCommands;
  readonly seen: string[];
  release(bytes: Buffer): void;
} {
  const seen: string[] = [];
  const waiting: ((bytes: Buffer) => void)[] = [];
  return {
    seen,
    release: (bytes) => waiting.shift()?.(bytes),
    held: {
      watch: (from) => new KillWatch(from),
      replace(bytes) {
        seen.push(Buffer.from(bytes).subarray(5).toString());
        return new Promise((resolve) => waiting.push(resolve));
      },
    },
  };
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** How the connections of a session to either side are made. */
export interface Connections {
  readonly client: () => Promise<Pair>;
  readonly server: () => Promise<Pair>;
}

/** What every relay promises; `createRelay` makes the one to be tested. */
export function relayConformance(
  name: string,
  createRelay: () => Relay,
  connections: Connections = { client: openPair, server: openPair },
): void {
  const peers: Peer[] = [];

  async function open({ toServer, toClient, idleTimeoutMs, held }: Initial = {}): Promise<Session> {
    const [clientSide, serverSide] = await Promise.all([connections.client(), connections.server()]);
    peers.push(clientSide.far, serverSide.far);
    let end: { reason: CloseReason; bytes: ByteCounts } | null = null;
    const handle = createRelay().start({
      client: clientSide.near,
      server: serverSide.near,
      toServer: toServer === undefined ? null : Buffer.from(toServer),
      toClient: toClient === undefined ? null : Buffer.from(toClient),
      ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
      ...(held === undefined ? {} : { held }),
      onEnd: (reason, bytes) => {
        session.ends += 1;
        end = { reason, bytes };
      },
    });
    const session: Session = {
      client: clientSide.far,
      server: serverSide.far,
      handle,
      near: { client: clientSide.near, server: serverSide.near },
      end: () => end,
      ends: 0,
    };
    return session;
  }

  const ended = (session: Session) => eventually(() => session.end() !== null, 'the relay reports the end');

  describe(`relay conformance: ${name}`, () => {
    afterEach(() => {
      for (const peer of peers.splice(0)) peer.socket.destroy();
    });

    it('carries what was read before it, then the rest, both ways', async () => {
      const session = await open({ toServer: 'first ', toClient: 'greeting ' });
      session.client.send('second');
      session.server.send('answer');
      await session.server.hears('first second');
      await session.client.hears('greeting answer');
      assert.deepEqual(session.handle.bytes(), { sent: 12, received: 15 });
    });

    it('holds a KILL back, sends what replaces it, and goes on, as often as one comes', async () => {
      const { held, seen, release } = holder();
      const session = await open({ held, toClient: 'greeting' });
      session.client.send(login());
      await session.client.hears('greeting');
      let expected = login().length;
      for (const number of [1, 2, 3]) {
        session.client.send(command(`SELECT ${number}`));
        expected += command('SELECT 1').length;
        await eventually(() => session.server.length === expected, 'the server has the statement');
        session.client.send(command(`KILL QUERY ${number}`));
        await eventually(() => seen.length === number, 'it was held back');
        session.server.send(`while ${number} waits `);
        assert.equal(session.server.length, expected);
        release(command(`instead of ${number}`));
        await session.server.hears(`instead of ${number}`);
        await session.client.hears(`while ${number} waits`);
        expected += command('instead of 1').length;
        assert.deepEqual(session.handle.bytes().sent, expected);
      }
      assert.deepEqual(seen, ['KILL QUERY 1', 'KILL QUERY 2', 'KILL QUERY 3']);
      assert.equal(session.server.length, expected);
      session.client.socket.end();
      session.server.socket.end();
      await ended(session);
      assert.equal(session.end()?.reason, 'client-closed');
      assert.equal(session.end()?.bytes.sent, expected);
      assert.equal(session.ends, 1);
    });

    it('holds nothing back inside of another packet, nor in TLS or compressed', async () => {
      const { held, seen } = holder();
      const kill = command('KILL QUERY 7');
      const inside = Buffer.concat([command(`INSERT ${'x'.repeat(kill.length)}`)]);
      for (const capabilities of [0, 0x800, 0x20]) {
        const session = await open({ held });
        session.client.send(login(capabilities));
        let length = login().length;
        await eventually(() => session.server.length === length, 'the server has the login');
        if (capabilities === 0) {
          session.client.send(inside.subarray(0, -kill.length));
          length += inside.length - kill.length;
          await eventually(() => session.server.length === length, 'the server has the first half');
        }
        session.client.send(kill);
        await session.server.hears('KILL QUERY 7');
      }
      assert.deepEqual(seen, []);
    });

    it('ends a session at once whose KILL is held back', async () => {
      const { held, seen, release } = holder();
      const session = await open({ held });
      session.client.send(login()).send('');
      await eventually(() => session.server.length === login().length, 'the server has the login');
      session.client.send(command('kill 7'));
      await eventually(() => seen.length === 1, 'it was held back');
      session.handle.close('failover');
      assert.deepEqual(session.end(), {
        reason: 'failover',
        bytes: { sent: login().length, received: 0 },
      });
      release(command('too late'));
      await session.server.isLeft();
      await session.client.isLeft();
      assert.equal(session.server.length, login().length);
      assert.equal(session.server.fate, 'reset');
      assert.equal(session.ends, 1);
    });

    it('ends a session whose client left while its KILL was held back', async () => {
      const { held, seen, release } = holder();
      const session = await open({ held });
      session.client.send(login());
      await eventually(() => session.server.length === login().length, 'the server has the login');
      session.client.socket.end(command('KILL 7'));
      await eventually(() => seen.length === 1, 'it was held back');
      release(command('instead'));
      await session.server.hears('instead');
      await eventually(() => session.server.fate === 'ended', 'the server sees the end');
      session.server.socket.end();
      await ended(session);
      assert.equal(session.end()?.reason, 'client-closed');
    });

    it('keeps every byte and their order, both ways at once', async () => {
      const session = await open();
      const up = randomBytes(24 * megabyte);
      const down = randomBytes(24 * megabyte);
      session.client.send(up);
      session.server.send(down);
      await eventually(() => session.server.length === up.length, 'the server has all', 60_000);
      await eventually(() => session.client.length === down.length, 'the client has all', 60_000);
      assert.equal(digest(session.server.received), digest(up));
      assert.equal(digest(session.client.received), digest(down));
      assert.deepEqual(session.handle.bytes(), { sent: up.length, received: down.length });
    });

    it('passes on the end of the client while the server still answers', async () => {
      const session = await open();
      session.client.socket.end('last question');
      await eventually(() => session.server.fate === 'ended', 'the server sees the end');
      assert.equal(session.server.text, 'last question');
      session.server.send('long ').send('answer');
      await session.client.hears('long answer');
      session.server.socket.end();
      await ended(session);
      assert.deepEqual(session.end(), { reason: 'client-closed', bytes: { sent: 13, received: 11 } });
      await eventually(() => session.client.fate === 'closed', 'the client closed cleanly');
    });

    it('passes on the end of the server while the client still speaks', async () => {
      const session = await open();
      session.server.socket.end('bye');
      await eventually(() => session.client.fate === 'ended', 'the client sees the end');
      session.client.socket.end('one more thing');
      await session.server.hears('one more thing');
      await ended(session);
      assert.deepEqual(session.end(), { reason: 'server-closed', bytes: { sent: 14, received: 3 } });
    });

    it('delivers the last bytes before a close, to a client that reads late', async () => {
      const session = await open();
      session.client.stopReading();
      const last = randomBytes(200_000);
      session.server.socket.end(last);
      await pause(50);
      session.client.startReading();
      await session.client.isLeft();
      assert.equal(digest(session.client.received), digest(last));
      session.client.socket.end();
      await ended(session);
      assert.deepEqual(session.end(), { reason: 'server-closed', bytes: { sent: 0, received: 200_000 } });
    });

    it('stops reading a server whose client does not read, and goes on when it does', async () => {
      const session = await open();
      session.client.stopReading();
      const before = process.memoryUsage();
      const flood = randomBytes(64 * megabyte);
      session.server.send(flood);
      let last = -1;
      await eventually(
        () => {
          const { received } = session.handle.bytes();
          const stalled = received > 0 && received === last;
          last = received;
          return stalled && session.server.socket.writableLength > 0;
        },
        'the flow stalls',
        60_000,
      );
      await pause(200);
      const held = session.handle.bytes().received;
      assert.ok(held < 32 * megabyte, `${held} bytes were taken for a client that reads nothing`);
      const after = process.memoryUsage();
      const grown = after.external - before.external - flood.length;
      assert.ok(grown < 8 * megabyte, `memory grew by ${grown} bytes`);
      session.client.startReading();
      await eventually(() => session.client.length === flood.length, 'all of it arrives', 60_000);
      assert.equal(digest(session.client.received), digest(flood));
    });

    it('stops reading a client whose server does not read, and goes on when it does', async () => {
      const session = await open();
      session.server.stopReading();
      const flood = randomBytes(32 * megabyte);
      session.client.send(flood);
      await pause(300);
      assert.ok(session.handle.bytes().sent < 24 * megabyte, 'the client was read without bound');
      session.server.startReading();
      await eventually(() => session.server.length === flood.length, 'all of it arrives', 60_000);
      assert.equal(digest(session.server.received), digest(flood));
    });

    it('lets one direction flow while the other one is stalled', async () => {
      const session = await open();
      session.client.stopReading();
      session.server.send(Buffer.alloc(32 * megabyte));
      await pause(100);
      session.client.send('still here');
      await session.server.hears('still here');
    });

    it('closes the client when the server resets, after all that was received', async () => {
      const session = await open();
      session.server.send('FATAL: the last words');
      await eventually(() => session.handle.bytes().received === 21, 'the relay has the last words');
      session.server.reset();
      await session.client.isLeft();
      assert.equal(session.client.text, 'FATAL: the last words');
      session.client.socket.end();
      await ended(session);
      assert.deepEqual(session.end(), { reason: 'server-error', bytes: { sent: 0, received: 21 } });
    });

    it('gives a stalled client all that is counted as received, when the server resets', async () => {
      const session = await open();
      session.client.stopReading();
      session.server.send(Buffer.alloc(32 * megabyte, 'x'));
      await pause(100);
      // Node's own way to reset waits until all is written.
      abort(session.server.socket);
      session.client.startReading();
      await session.client.isLeft();
      session.client.socket.end();
      await ended(session);
      assert.equal(session.client.length, session.end()?.bytes.received);
      // Linux may report a reset behind unread bytes as an ordinary end.
      assert.match(session.end()?.reason ?? '', /^server-(error|closed)$/);
    });

    it('gives a stalled client the last bytes before a reset, which it could not pass on at once', async () => {
      const session = await open();
      session.client.stopReading();
      const piece = Buffer.alloc(8 * 1024, 'x');
      let sent = 0;
      const counted = () => session.handle.bytes().received === sent;
      while (counted()) {
        session.server.send(piece);
        sent += piece.length;
        await eventually(counted, 'the piece is taken', 300).catch(() => {});
      }
      abort(session.server.socket);
      await pause(50);
      session.client.startReading();
      await session.client.isLeft();
      assert.equal(session.client.length, sent);
    });

    it('closes the server when the client resets', async () => {
      const session = await open();
      session.client.send('question');
      await session.server.hears('question');
      session.client.reset();
      await session.server.isLeft();
      session.server.socket.end();
      await ended(session);
      assert.deepEqual(session.end(), { reason: 'client-error', bytes: { sent: 8, received: 0 } });
    });

    it('survives a client that vanishes in the middle of a flood', async () => {
      const session = await open();
      session.server.send(Buffer.alloc(16 * megabyte));
      await eventually(() => session.client.length > 0, 'the flood has begun');
      session.client.reset();
      await session.server.isLeft();
      session.server.socket.destroy();
      await ended(session);
      assert.equal(session.end()?.reason, 'client-error');
    });

    it('cuts off a server that goes on with a result for a client that is gone', async () => {
      const session = await open();
      const { socket } = session.server;
      socket.on('error', () => {});
      let tookAll = false;
      socket.write(Buffer.alloc(64 * megabyte), (error) => {
        // Node reports no error for what was under way when the socket broke.
        tookAll = error == null && !socket.destroyed;
      });
      await eventually(() => session.client.length > 0, 'the result has begun');
      session.client.reset();
      await ended(session);
      await session.server.isLeft();
      assert.ok(!tookAll, 'the server had to send all of it');
    });

    it('goes on with an answer after the client has ended its side, however long it takes', async () => {
      const session = await open();
      session.client.socket.end('question');
      await eventually(() => session.server.fate === 'ended', 'the server sees the end');
      const answer = randomBytes(8 * megabyte);
      session.server.socket.end(answer);
      await ended(session);
      await eventually(() => session.client.length === answer.length, 'all of it arrives');
      assert.equal(digest(session.client.received), digest(answer));
      assert.deepEqual(session.end()?.bytes, { sent: 8, received: answer.length });
    });

    it('delivers an answer to a client that has ended its side, and reads it after its server has ended too', async () => {
      const session = await open();
      session.client.stopReading();
      session.client.socket.end('question');
      const answer = randomBytes(24 * megabyte);
      session.server.socket.end(answer);
      await pause(200);
      session.client.startReading();
      await ended(session);
      await eventually(() => session.client.length === answer.length, 'all of it arrives');
      assert.equal(digest(session.client.received), digest(answer));
      assert.deepEqual(session.end()?.bytes, { sent: 8, received: answer.length });
    });

    it('keeps the order of many small pieces, and counts each while it runs', async () => {
      const session = await open({ toServer: '<' });
      let sent = '<';
      for (let at = 0; at < 500; at++) {
        const piece = `${at},`;
        sent += piece;
        session.client.send(piece);
        if (at % 50 === 0) {
          await eventually(() => session.server.length === sent.length, 'the pieces so far have arrived');
          assert.deepEqual(session.handle.bytes(), { sent: sent.length, received: 0 });
        }
      }
      await eventually(() => session.server.length === sent.length, 'all pieces have arrived');
      assert.equal(session.server.text, sent);
    });

    it('keeps sessions apart', async () => {
      const sessions = await Promise.all(Array.from({ length: 40 }, () => open()));
      for (const [at, session] of sessions.entries()) {
        session.client.send(`question ${at};`);
        session.server.send(`answer ${at};`);
      }
      for (const [at, session] of sessions.entries()) {
        await session.server.hears(`question ${at};`);
        await session.client.hears(`answer ${at};`);
      }
      for (const session of sessions.filter((_, at) => at % 2 === 0)) session.handle.close('failover');
      for (const [at, session] of sessions.entries()) {
        if (at % 2 === 0) continue;
        session.client.send('more');
        await session.server.hears(`question ${at};more`);
        assert.equal(session.end(), null);
      }
    });

    it('passes on a reset by either side while a flood waits for the other one', async () => {
      for (const side of ['client', 'server'] as const) {
        const session = await open();
        const other = side === 'client' ? session.server : session.client;
        other.stopReading();
        session[side].send(Buffer.alloc(16 * megabyte));
        await pause(50);
        abort(session[side].socket);
        other.startReading();
        await other.isLeft();
        other.socket.end();
        await ended(session);
        assert.match(session.end()?.reason ?? '', new RegExp(`^${side}-(error|closed)$`));
      }
    });

    it('ends a session that has been idle for its time, and no other', async () => {
      const idleTimeoutMs = 400;
      const [idle, busy, free] = await Promise.all([
        open({ idleTimeoutMs }),
        open({ idleTimeoutMs }),
        open({}),
      ]);
      const begin = performance.now();
      while (idle.end() === null) {
        busy.server.send('.');
        await pause(20);
        assert.ok(performance.now() - begin < 30_000, 'the idle session ends');
      }
      assert.equal(idle.end()?.reason, 'idle-timeout');
      assert.ok(performance.now() - begin >= idleTimeoutMs - 10, 'it ended early');
      await Promise.all([idle.client.isLeft(), idle.server.isLeft()]);
      assert.deepEqual([busy.end(), free.end()], [null, null]);
    });

    it('gives each reason that it is told to end with', async () => {
      for (const reason of ['failover', 'shutdown', 'idle-timeout'] as const) {
        const session = await open({ toServer: 'abc' });
        session.handle.close(reason);
        assert.deepEqual(session.end(), { reason, bytes: { sent: 3, received: 0 } });
        assert.deepEqual(session.handle.bytes(), { sent: 3, received: 0 });
        await Promise.all([session.client.isLeft(), session.server.isLeft()]);
      }
    });

    it('resets the server when told to end, so that nothing on its way is carried out', async () => {
      const session = await open();
      session.client.send('question');
      await session.server.hears('question');
      session.handle.close('failover');
      await eventually(() => session.server.fate === 'reset', 'the server is reset');
    });

    it('survives sessions that are closed while their bytes are under way', async () => {
      for (let turn = 0; turn < 40; turn++) {
        const session = await open();
        session.client.send(Buffer.alloc(256 * 1024));
        session.server.send(Buffer.alloc(256 * 1024));
        await pause(turn % 4);
        const before = session.handle.bytes();
        session.handle.close('failover');
        const end = session.end();
        assert.ok(end !== null && end.bytes.sent >= before.sent && end.bytes.received >= before.received);
        await pause(1);
        assert.equal(session.ends, 1);
        assert.deepEqual(session.handle.bytes(), end.bytes);
      }
    });

    it('ends at once when told to, and only once', async () => {
      const session = await open();
      session.client.send('hello');
      await session.server.hears('hello');
      session.handle.close('failover');
      assert.ok(session.near.client.destroyed && session.near.server.destroyed);
      assert.deepEqual(session.end(), { reason: 'failover', bytes: { sent: 5, received: 0 } });
      session.handle.close('shutdown');
      await Promise.all([session.client.isLeft(), session.server.isLeft()]);
      await pause(20);
      assert.equal(session.ends, 1);
      assert.equal(session.end()?.reason, 'failover');
    });

    it('ends at once although neither side reads', async () => {
      const session = await open();
      session.client.stopReading();
      session.server.stopReading();
      session.server.send(Buffer.alloc(32 * megabyte));
      session.client.send(Buffer.alloc(32 * megabyte));
      await pause(200);
      session.handle.close('failover');
      assert.ok(session.near.client.destroyed && session.near.server.destroyed);
      assert.equal(session.end()?.reason, 'failover');
    });

    it('takes back what the server has not got, when it is told to end', async () => {
      const session = await open();
      session.server.stopReading();
      session.client.send(Buffer.alloc(32 * megabyte));
      await pause(200);
      const { sent } = session.handle.bytes();
      session.handle.close('failover');
      session.server.startReading();
      await eventually(() => session.server.isOver, 'the server is cut off');
      assert.ok(
        session.server.length < sent / 2,
        `${session.server.length} of ${sent} bytes still got through`,
      );
    });

    it('ends at once after either side has ended', async () => {
      for (const side of ['client', 'server'] as const) {
        const session = await open();
        const other = side === 'client' ? session.server : session.client;
        session[side].socket.end();
        await eventually(() => other.fate === 'ended', 'the end is passed on');
        session.handle.close('failover');
        assert.equal(session.end()?.reason, 'failover');
        await eventually(
          () => session.near.client.destroyed && session.near.server.destroyed,
          'both are closed',
        );
      }
    });

    it('reports each end exactly once, whoever closes and how', async () => {
      const ways = ['client end', 'server end', 'client reset', 'server reset', 'both end', 'both reset'];
      for (const way of ways) {
        const session = await open({ toClient: 'hi' });
        await session.client.hears('hi');
        for (const side of ['client', 'server'] as const) {
          if (!way.startsWith(side) && !way.startsWith('both')) continue;
          if (way.endsWith('end')) session[side].socket.end();
          else session[side].reset();
        }
        await Promise.race([session.client.isLeft(), session.server.isLeft()]);
        session.client.socket.end();
        session.server.socket.end();
        await ended(session);
        await pause(10);
        assert.equal(session.ends, 1, way);
      }
    });
  });
}
