import type { ClusterJson, EndpointJson, InstanceJson } from './api.ts';
import { whyOut } from './why-out.ts';

export interface StatusTableOptions {
  /** Columns of the terminal; longer lines are cut. */
  readonly width?: number;
  readonly colours?: boolean;
}

interface Cell {
  readonly text: string;
  readonly colour?: Colour;
}

type Colour = 'green' | 'yellow' | 'red' | 'bold' | 'dim';
type Row = readonly Cell[];

const sgr: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };
const indent = '  ';
const gap = '  ';
const maxReasonLines = 2;
const screenLines = 24;

/**
 * What `aurelay status` prints: a header and two compact tables a cluster. A cluster of 16 with three endpoints fits
 * 80 × 24, and leaves a line for the prompt.
 */
export function statusTable(clusters: readonly ClusterJson[], options: StatusTableOptions = {}): string {
  if (clusters.length === 0) return 'no clusters are configured\n';
  const paint = new Painter(options.width ?? 80, options.colours ?? false);
  return `${clusters.map((cluster) => shortEnough(cluster, paint).join('\n')).join('\n\n')}\n`;
}

/** A long reason gives way to the instances. */
function shortEnough(cluster: ClusterJson, paint: Painter): string[] {
  const lines = clusterLines(cluster, paint, maxReasonLines);
  return lines.length < screenLines ? lines : clusterLines(cluster, paint, 1);
}

function clusterLines(cluster: ClusterJson, paint: Painter, reasonLines: number): string[] {
  return [
    ...headerLines(cluster, paint, reasonLines),
    ...paint.table(
      ['INSTANCE', 'ROLE', 'HEALTH', 'LAG', 'SESSIONS', 'ZONE', 'WHY OUT'],
      cluster.instances.map((instance) => instanceRow(instance, cluster)),
    ),
    ...paint.table(
      ['ENDPOINT', 'TYPE', 'LISTEN', 'SESSIONS', 'HELD', 'MEMBERS', 'HOST NAME'],
      cluster.endpoints.map((endpoint) => endpointRow(endpoint, cluster.instances)),
    ),
  ];
}

function headerLines(cluster: ClusterJson, paint: Painter, reasonLines: number): string[] {
  const phase: Cell = { text: cluster.phase, colour: cluster.phase === 'stable' ? 'green' : 'yellow' };
  const writer: Cell =
    cluster.writer === null
      ? { text: 'no writer', colour: 'red' }
      : { text: `writer ${cluster.writer}`, colour: 'bold' };
  const cells: Cell[] = [
    { text: cluster.name, colour: 'bold' },
    { text: cluster.mode === 'automatic' ? cluster.engine : `${cluster.engine} (${cluster.mode})` },
    phase,
    { text: `epoch ${cluster.epoch}` },
    writer,
  ];
  const durability = durabilityCell(cluster);
  if (durability !== null) cells.push(durability);
  const header = paint.line('', cells);
  return cluster.reason === null ? [header] : [header, ...paint.wrapped(cluster.reason, reasonLines)];
}

function durabilityCell({ durability }: ClusterJson): Cell | null {
  if (durability.mode === 'async') return null;
  const { state, copies, write_quorum: quorum, acknowledging } = durability;
  const text = `quorum ${quorum}/${copies} ${state}${state === 'secured' ? '' : ` (${acknowledging ?? 0} there)`}`;
  return { text, colour: state === 'secured' ? 'green' : state === 'securing' ? 'yellow' : 'red' };
}

function instanceRow(instance: InstanceJson, { writer, endpoints }: ClusterJson): Row {
  return [
    { text: instance.id },
    { text: instance.role ?? '-', ...(instance.id === writer && { colour: 'bold' as const }) },
    healthCell(instance.health),
    { text: lagText(instance) },
    { text: String(instance.sessions) },
    { text: instance.zone ?? '' },
    { text: whyOut(instance, endpoints).join(', '), colour: 'yellow' },
  ];
}

function healthCell(health: InstanceJson['health']): Cell {
  const colours = { healthy: 'green', suspect: 'yellow', down: 'red', unknown: 'dim' } as const;
  return { text: health, colour: colours[health] };
}

function endpointRow(endpoint: EndpointJson, instances: readonly InstanceJson[]): Row {
  const members = membersText(endpoint, instances);
  return [
    { text: endpoint.name },
    { text: endpoint.type },
    { text: endpoint.listen },
    { text: String(endpoint.sessions) },
    { text: String(endpoint.held) },
    endpoint.listening
      ? { text: members, ...(endpoint.members.length === 0 && { colour: 'red' as const }) }
      : { text: `not listening: ${endpoint.listen_error ?? 'not started'}`, colour: 'red' },
    { text: endpoint.hostname ?? '', colour: 'dim' },
  ];
}

function membersText({ members }: EndpointJson, instances: readonly InstanceJson[]): string {
  if (members.length === 0) return 'none';
  if (members.length > 3) return `${members.length} of ${instances.length}`;
  return members.join(' ');
}

/** Seconds as `0s`, `1.5s`, `12m`, `3h`; `-` where unknown, and on the writer, which lags behind nobody. */
function lagText({ role, lag_seconds: seconds }: InstanceJson): string {
  if (seconds === null || role === 'writer') return '-';
  if (seconds < 10) return `${seconds.toFixed(1).replace(/\.0$/, '')}s`;
  if (seconds < 120) return `${Math.round(seconds)}s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)}m` : `${Math.round(seconds / 3600)}h`;
}

/** Puts cells into lines of a given width, and colours on them once their width is settled. */
class Painter {
  readonly #width: number;
  readonly #colours: boolean;

  constructor(width: number, colours: boolean) {
    this.#width = width;
    this.#colours = colours;
  }

  /** Columns that are empty in every row are left out; the last one is cut at the edge. */
  table(titles: readonly string[], rows: readonly Row[]): string[] {
    if (rows.length === 0) return [];
    const used = titles.map((_, at) => rows.some((row) => plain(row[at]?.text ?? '') !== ''));
    const keep = <Item>(items: readonly Item[]) => items.filter((_, at) => used[at]);
    const head: Row = keep(titles).map((text) => ({ text, colour: 'dim' }));
    const body = rows.map((row) => keep(row));
    const widths = head.map((_, at) =>
      Math.max(...[head, ...body].map((row) => plain(row[at]?.text ?? '').length)),
    );
    return [head, ...body].map((row) => this.line(indent, row, widths));
  }

  line(start: string, cells: Row, widths: readonly number[] = []): string {
    let room = this.#width - start.length;
    let line = start;
    for (const [at, cell] of cells.entries()) {
      const separator = at === 0 ? '' : gap;
      const text = cut(plain(cell.text), room - separator.length);
      if (text === '' && room <= separator.length) break;
      const padded = text.padEnd(Math.min(widths[at] ?? 0, Math.max(0, room - separator.length)));
      line += separator + this.#paint(text, cell.colour) + padded.slice(text.length);
      room -= separator.length + padded.length;
    }
    return line.trimEnd();
  }

  wrapped(text: string, maxLines: number): string[] {
    const room = this.#width - indent.length;
    const lines: string[] = [];
    let rest = plain(text);
    while (rest !== '' && lines.length < maxLines - 1 && rest.length > room) {
      const space = rest.lastIndexOf(' ', room);
      const at = space > 0 ? space : room;
      lines.push(rest.slice(0, at));
      rest = rest.slice(at).trimStart();
    }
    return [...lines, cut(rest, room)].map((line) => indent + this.#paint(line, 'yellow'));
  }

  #paint(text: string, colour: Colour | undefined): string {
    if (!this.#colours || colour === undefined || text === '') return text;
    return `\u001b[${sgr[colour]}m${text}\u001b[0m`;
  }
}

/** One line without control characters: a server's words must not move the cursor of a terminal. */
const plain = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();

function cut(text: string, room: number): string {
  if (text.length <= room) return text;
  return room <= 0 ? '' : `${text.slice(0, room - 1)}…`;
}
