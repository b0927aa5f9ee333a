import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pino from 'pino';
import { clusterId, instanceId } from '../../../src/base/brand.ts';
import { type KillCommand, type Killer, OperationFailed } from '../../../src/engines/engine.ts';
import { killed, mysqlKill } from '../../../src/engines/mysql/kill.ts';
import { encodePacket } from '../../../src/engines/mysql/packets.ts';
import { KillDesk, type NamedSession } from '../../../src/proxy/kill/kill-desk.ts';
import { type Server, SessionNumbers } from '../../../src/proxy/kill/session-numbers.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const server = (name: string, cluster = 'orders'): Server => ({
  cluster: clusterId(cluster),
  instance: instanceId(name),
  address: { host: name, port: 3306 },
});
const a = server('a');
const b = server('b');

function greeting(own: number): Uint8Array {
  const payload = Buffer.concat([Buffer.from('\n10.11.6-MariaDB\0'), Buffer.alloc(40)]);
  payload.writeUInt32LE(own, 17);
  return encodePacket(0, payload);
}
const packet = (sql: string): Uint8Array => encodePacket(0, Buffer.from(`\x03${sql}`));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).subarray(5).toString();
const numberOf = ({ greeting: bytes }: NamedSession): number => mysqlKill.numberIn(bytes) ?? 0;

/** Servers with these sessions: by server and number, whose they are. */
class Servers {
  readonly users = new Map<string, string>();
  readonly kills: string[] = [];
  readonly clock = new SimulatedClock();
  readonly log: string[] = [];
  readonly numbers = new SessionNumbers({ next: () => 0.5 });
  failure: Error | null = null;
  reachable = true;
  before: () => Promise<void> = async () => {};
  readonly desk = new KillDesk({
    clock: this.clock,
    logger: pino({ level: 'warn' }, { write: (line) => void this.log.push(line) }),
    numbers: this.numbers,
    killerOf: ({ instance }) => (this.reachable ? this.#killer(instance) : null),
  });

  open(where: Server, own: number, user: string): NamedSession {
    this.users.set(`${where.instance} ${own}`, user);
    const named = this.desk.name(mysqlKill, where, greeting(own), 0);
    assert(named !== null);
    return named;
  }

  #killer(instance: string): Killer {
    return {
      userOf: async (number) => {
        await this.before();
        if (this.failure !== null) throw this.failure;
        return this.users.get(`${instance} ${number}`) ?? null;
      },
      kill: async ({ session, scope }: KillCommand, user) => {
        const owner = this.users.get(`${instance} ${session}`);
        if (owner === undefined) return 'unknown';
        if (owner !== user) return 'not-owner';
        this.kills.push(`${instance} ${scope} ${session}`);
        return 'done';
      },
    };
  }
}

describe('the kill desk', () => {
  it('lets the server judge where both sessions are on it', async () => {
    const servers = new Servers();
    const victim = servers.open(a, 57, 'app');
    const asker = servers.open(a, 58, 'other');
    const instead = await asker.held.replace(packet(`KILL QUERY ${numberOf(victim)}`));
    assert.equal(textOf(instead), 'KILL QUERY 57');
    assert.deepEqual(servers.kills, []);
  });

  it('ends a session on another server as the monitor user, for the same user alone', async () => {
    const servers = new Servers();
    const victim = servers.open(a, 57, 'app');
    servers.open(b, 57, 'app');
    const mine = servers.open(b, 58, 'app');
    const stranger = servers.open(b, 59, 'other');
    const sql = `KILL QUERY ${numberOf(victim)}`;
    assert.deepEqual(await mine.held.replace(packet(sql)), killed);
    assert.match(textOf(await stranger.held.replace(packet(sql))), /MYSQL_ERRNO = 1095/);
    assert.deepEqual(servers.kills, ['a query 57']);
  });

  it('never acts for who has not logged in', async () => {
    const servers = new Servers();
    const victim = servers.open(a, 57, 'app');
    const asker = servers.open(b, 58, 'app');
    servers.users.delete('b 58');
    assert.match(textOf(await asker.held.replace(packet(`KILL ${numberOf(victim)}`))), /MYSQL_ERRNO = 1105/);
    servers.users.delete('a 57');
    assert.match(textOf(await asker.held.replace(packet(`KILL ${numberOf(victim)}`))), /MYSQL_ERRNO = 1105/);
    assert.deepEqual(servers.kills, []);
  });

  it('passes on what names none of ours, or nobody, or a session of another cluster', async () => {
    const servers = new Servers();
    const asker = servers.open(a, 1, 'app');
    const gone = servers.open(a, 2, 'app');
    const foreign = servers.open(server('a', 'shop'), 3, 'app');
    gone.leave();
    for (const sql of ['KILL 57', `KILL ${numberOf(gone)}`, `KILL ${numberOf(foreign)}`, 'KILL USER app']) {
      const command = packet(sql);
      assert.equal(await asker.held.replace(command), command);
    }
  });

  it('passes on the number of a session from before its server was started again', async () => {
    const servers = new Servers();
    const victim = servers.open(a, 57, 'app');
    const asker = servers.desk.name(mysqlKill, a, greeting(3), servers.numbers.highest(a));
    assert(asker !== null);
    const command = packet(`KILL ${numberOf(victim)}`);
    assert.equal(await asker.held.replace(command), command);
  });

  it('asks again whether the session is there when it is its turn', async () => {
    const servers = new Servers();
    const victim = servers.open(a, 57, 'app');
    const asker = servers.open(b, 58, 'app');
    servers.before = async () => victim.leave();
    assert.match(textOf(await asker.held.replace(packet(`KILL ${numberOf(victim)}`))), /MYSQL_ERRNO = 1094/);
    assert.deepEqual(servers.kills, []);
  });

  it('tells of what went wrong, and the log a few times however often', async () => {
    const servers = new Servers();
    const victim = servers.open(a, 57, 'app');
    const asker = servers.open(b, 58, 'app');
    const kill = () => asker.held.replace(packet(`KILL ${numberOf(victim)}`));
    servers.failure = new OperationFailed('the monitor user may not end it: grant CONNECTION ADMIN');
    for (let round = 0; round < 3; round += 1) assert.match(textOf(await kill()), /grant CONNECTION ADMIN'/);
    assert.equal(servers.log.length, 1);
    servers.clock.advance(10_000);
    const lines = servers.log.map((line) => JSON.parse(line) as { event: string; suppressed: number });
    assert.deepEqual(
      lines.map(({ event, suppressed }) => `${event} ${suppressed}`),
      ['kill.failed 0', 'kill.failed 1'],
    );
    servers.reachable = false;
    assert.match(textOf(await kill()), /MYSQL_ERRNO = 1105/);
  });

  it('works on two at a time, lets others wait, and turns away who comes too late or too many', async () => {
    const servers = new Servers();
    const victim = servers.open(a, 57, 'app');
    const asker = servers.open(b, 58, 'app');
    let atWork = 0;
    let most = 0;
    const releases: (() => void)[] = [];
    servers.before = async () => {
      atWork += 1;
      most = Math.max(most, atWork);
      await new Promise<void>((resolve) => releases.push(resolve));
      atWork -= 1;
    };
    const all = Array.from({ length: 70 }, () =>
      asker.held.replace(packet(`KILL QUERY ${numberOf(victim)}`)).then(textOf),
    );
    const outcomes = Promise.all(all);
    let over = false;
    void outcomes.then(() => {
      over = true;
    });
    for (let round = 0; !over && round < 1_000; round += 1) {
      await new Promise(setImmediate);
      if (servers.kills.length >= 10) servers.clock.advance(6_000);
      releases.shift()?.();
    }
    const texts = await outcomes;
    assert.equal(most, 2);
    assert.equal(texts.filter((text) => text.includes('too many at once')).length >= 4, true);
    assert.ok(texts.some((text) => text.includes('in time')));
    assert.ok(servers.kills.length >= 10);
    assert.equal(atWork, 0);
  });
});
