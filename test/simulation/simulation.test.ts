import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from './simulation.ts';
import { World } from './world.ts';

test('no disaster of a fixed set of seeds breaks an invariant, and all end in peace', async () => {
  for (let seed = 1; seed <= 200; seed += 1) await simulate(seed);
});

test('an outage of Aurelay’s own network costs no writer its office, whoever is heard first after it', async () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const world = new World(seed, { servers: 3, mode: 'automatic' });
    world.startAurelay();
    await world.clock.runUntil(3_000);
    const writer = world.view?.writer;
    for (const server of world.servers.values()) world.cut(server, ['in', 'out']);
    await world.clock.runUntil(10_000 + world.between(0, 3_000));
    for (const server of world.servers.values()) world.cut(server, []);
    await world.clock.runUntil(20_000);
    world.controller?.stop();
    assert.equal(world.fatal, null);
    assert.equal(world.view?.writer, writer, `seed ${seed}:\n${world.trace.slice(-30).join('\n')}`);
    assert.equal(world.view?.epoch, 1, `seed ${seed}`);
  }
});
