import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { VersionJson } from '../../src/admin/api.ts';
import { type Admin, type AdminOptions, startAdmin } from '../../src/admin/http-server.ts';
import { createMetrics } from '../../src/admin/metrics.ts';
import type { FakeControls } from './fake-controls.ts';

export interface RunningAdmin {
  readonly admin: Admin;
  readonly url: string;
  readonly logged: { readonly level: string; readonly fields: object; readonly message: string }[];
}

/** What `GET /api/v1/version` answers there. */
export const about: VersionJson = {
  version: '1.2.3',
  build: 'abc1234',
  date: '2026-11-23T00:00:00Z',
  node: 'v20.20.2',
  relay: 'stream',
  started_at: '2026-11-23T01:02:03.000Z',
};

/** The real server on a free port, stopped when the test ends. */
export async function runAdmin(
  t: TestContext,
  controls: FakeControls,
  options: Partial<AdminOptions> = {},
): Promise<RunningAdmin> {
  const logged: { level: string; fields: object; message: string }[] = [];
  const log = (level: string) => (fields: object, message: string) => {
    logged.push({ level, fields, message });
  };
  const metrics = createMetrics({ version: '1.2.3', build: 'abc1234', relay: 'stream' });
  metrics.watch(controls);
  const admin = await startAdmin({
    listen: { host: '127.0.0.1', port: 0 },
    controls,
    about,
    metrics,
    logger: {
      ...{ debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      fatal: log('fatal'),
    },
    ...options,
  });
  t.after(async () => {
    metrics.close();
    await admin.close();
  });
  return { admin, url: `http://127.0.0.1:${admin.address.port}`, logged };
}

/** A bare connection that is gone when the test ends. */
export function rawConnection(t: TestContext, { address }: Admin): Socket {
  const socket = connect(address.port, '127.0.0.1');
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  return socket;
}

/** Sends a request as it is written, and returns the status and the body. */
export async function rawRequest(
  t: TestContext,
  admin: Admin,
  lines: readonly string[],
  body = '',
): Promise<{ status: number; head: string; body: string }> {
  const socket = rawConnection(t, admin);
  socket.write(`${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`);
  let text = '';
  for await (const chunk of socket) text += chunk;
  const [head = '', ...rest] = text.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head, body: rest.join('\r\n\r\n') };
}

/** Waits until `holds` is true; a test that never gets there fails by the runner's own timeout. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
