/** A demo with nothing in front of its clusters, for tests that end it: a JSON of `DemoOptions`. */
import { runDemo } from '../../../src/demo/demo.ts';

const options = JSON.parse(process.argv[2] ?? '{}');
const app = { ready: async () => {}, stop: async () => {} };
try {
  await runDemo(options, async () => app, process.stdout);
} catch (error) {
  console.log((error as Error).message);
  process.exitCode = 1;
}
