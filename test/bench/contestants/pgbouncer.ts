import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../src/demo/free-port.ts';
import { chooseServerUser } from '../../../src/demo/server-user.ts';
import type { Cleanup } from '../../support/servers.ts';
import { startBackground } from '../background.ts';
import type { Contestant, ServerPorts } from '../contestant.ts';
import { findProgram, runProgram } from '../program.ts';

/** PgBouncer in session mode; null where it is not installed. It knows one engine, and uses one core. */
export async function pgbouncer(
  t: Cleanup,
  { postgres }: ServerPorts,
  folder: string,
): Promise<Contestant | null> {
  const program = findProgram('pgbouncer');
  if (program === null || postgres === null) return null;
  const port = await freePort();
  const config = `[databases]
* = host=127.0.0.1 port=${postgres} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = session
max_client_conn = 1000
default_pool_size = 80
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
`;
  const file = join(folder, 'pgbouncer.ini');
  writeFileSync(file, config, { mode: 0o644 });
  // It refuses to run as root.
  const user = await chooseServerUser(null);
  const { pid } = await startBackground(t, [program, file], port, { user });
  return { name: 'PgBouncer', ports: { postgres: port }, pid, adminUrl: null, startAnother: null };
}

export const pgbouncerVersion = async (): Promise<string> =>
  /PgBouncer (\S+)/.exec(await runProgram('pgbouncer', ['--version'], { timeoutMs: 5_000 }))?.[1] ?? '?';
