/**
 * `node write.mjs MODULE`: a numbered row every 10 ms through `insertOrder` of the module, until it is killed. Prints
 * `driver VERSION`, `ack NUMBER` and `error CODE MESSAGE`, a line each.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const { insertOrder } = await import(process.argv[2]);
console.log(`driver ${process.env.DRIVER_VERSION}`);
const client = Number(process.env.CLIENT);
for (let number = 1; ; number++) {
  try {
    await insertOrder(client, number);
    console.log(`ack ${number}`);
  } catch (error) {
    console.log(
      `error ${error.errno > 0 ? error.errno : error.code || error.name} ${error.message.replaceAll('\n', ' ')}`,
    );
  }
  await sleep(10);
}
