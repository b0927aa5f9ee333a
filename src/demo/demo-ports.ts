import { EmbeddedClusterError } from './cluster.ts';
import { isPortFree } from './free-port.ts';

export interface EndpointPorts {
  readonly writer: number;
  readonly reader: number;
  readonly analytics: number;
}

/** Where the demo's endpoints and its HTTP API listen, on 127.0.0.1. */
export interface DemoPorts {
  readonly admin: number;
  readonly postgres: EndpointPorts;
  readonly mysql: EndpointPorts;
}

export const demoPorts: DemoPorts = {
  admin: 8080,
  postgres: { writer: 6432, reader: 6433, analytics: 6434 },
  mysql: { writer: 6306, reader: 6307, analytics: 6308 },
};

/** Throws where a port that the demo needs is taken, naming all that are, before anything was started. */
export async function requireFreePorts(
  ports: DemoPorts,
  engines: readonly ('postgres' | 'mysql')[],
): Promise<void> {
  const needed: [port: number, use: string][] = [[ports.admin, 'the HTTP API and the dashboard']];
  for (const engine of engines) {
    const { writer, reader, analytics } = ports[engine];
    needed.push(
      [writer, `${engine} writer`],
      [reader, `${engine} reader`],
      [analytics, `${engine} analytics`],
    );
  }
  const checks = await Promise.all(
    needed.map(async ([port, use]) => ({ port, use, free: await isPortFree(port) })),
  );
  const taken = checks.filter(({ free }) => !free);
  if (taken.length === 0) return;
  const lines = taken.map(({ port, use }) => `  ${port} (${use})${likelyHolder(port)}`);
  throw new EmbeddedClusterError(
    `these ports of 127.0.0.1 are taken, which the demo needs:\n${lines.join('\n')}\n` +
      `\`${whoHolds(taken.map(({ port }) => port))}\` shows by whom; stop that and start the demo again`,
  );
}

function likelyHolder(port: number): string {
  if (port === 6432) return ': PgBouncer listens there by default, or another demo runs';
  if (port === 8080) return ': many web servers listen there, or another demo runs';
  return ': another demo may run';
}

function whoHolds(ports: readonly number[]): string {
  if (process.platform === 'linux')
    return `ss -ltnp '${ports.map((port) => `sport = :${port}`).join(' or ')}'`;
  return `lsof -nP -sTCP:LISTEN ${ports.map((port) => `-iTCP:${port}`).join(' ')}`;
}
