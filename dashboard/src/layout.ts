import type { ClusterJson, EndpointJson } from '../../src/admin/api.ts';

/** Where the cards of a cluster's picture stand and which lines run between them, in CSS pixels from the top. */
export interface PictureLayout {
  readonly height: number;
  /** Many instances: one line of text each. */
  readonly isDense: boolean;
  readonly endpoints: readonly CardPlace[];
  readonly instances: readonly CardPlace[];
  readonly links: readonly Link[];
}

export interface CardPlace {
  readonly id: string;
  readonly top: number;
  readonly height: number;
}

export interface Link {
  readonly endpoint: string;
  readonly instance: string;
  readonly type: EndpointJson['type'];
  readonly sessions: number;
  /** Would it be given a new session now? */
  readonly isMember: boolean;
  /** The middle of the line where it leaves the endpoint, and where it arrives. */
  readonly from: number;
  readonly to: number;
  readonly width: number;
}

const sizes = {
  roomy: { endpoint: 66, instance: 78, gap: 12 },
  dense: { endpoint: 92, instance: 46, gap: 6 },
} as const;
const mostRoomy = 6;
/** A line without sessions is a hair; one with sessions is never mistaken for it. */
const hairline = 1.25;
const thinnest = 2.5;
const thickest = 22;
/** Free above and below the lines of a card. */
const margin = 8;

/** The places depend only on how many there are, so that nothing jumps when roles or sessions change. */
export function layOut(cluster: Pick<ClusterJson, 'instances' | 'endpoints'>): PictureLayout {
  const isDense = cluster.instances.length > mostRoomy;
  const size = isDense ? sizes.dense : sizes.roomy;
  const endpointsHeight = columnHeight(cluster.endpoints.length, size.endpoint, size.gap);
  const instancesHeight = columnHeight(cluster.instances.length, size.instance, size.gap);
  const height = Math.max(endpointsHeight, instancesHeight);
  const endpoints = column(
    cluster.endpoints.map(({ name }) => name),
    size.endpoint,
    height,
  );
  const instances = column(
    cluster.instances.map(({ id }) => id),
    size.instance,
    height,
  );
  return { height, isDense, endpoints, instances, links: linksOf(cluster, endpoints, instances) };
}

const columnHeight = (count: number, card: number, gap: number): number =>
  count === 0 ? 0 : count * card + (count - 1) * gap;

/** Spread over the whole height, so that the shorter column stands opposite the middle of the longer one's parts. */
function column(ids: readonly string[], card: number, height: number): CardPlace[] {
  const room = height / Math.max(1, ids.length);
  return ids.map((id, index) => ({ id, top: room * index + (room - card) / 2, height: card }));
}

type Unplaced = Omit<Link, 'from' | 'to' | 'width'>;

function linksOf(
  { endpoints, instances }: Pick<ClusterJson, 'instances' | 'endpoints'>,
  endpointPlaces: readonly CardPlace[],
  instancePlaces: readonly CardPlace[],
): Link[] {
  const unplaced: Unplaced[] = endpoints.flatMap((endpoint) =>
    instances.flatMap(({ id }) => {
      const sessions = endpoint.sessions_by_instance[id] ?? 0;
      const isMember = endpoint.members.includes(id);
      if (sessions === 0 && !isMember) return [];
      return [{ endpoint: endpoint.name, instance: id, type: endpoint.type, sessions, isMember }];
    }),
  );
  const perSession = thickness(unplaced, endpointPlaces, instancePlaces);
  const widthOf = ({ sessions }: Unplaced): number =>
    sessions === 0 ? hairline : Math.max(thinnest, sessions * perSession);
  const from = ports(unplaced, endpointPlaces, ({ endpoint }) => endpoint, widthOf);
  const to = ports(unplaced, instancePlaces, ({ instance }) => instance, widthOf);
  return unplaced.map((link, index) => ({
    ...link,
    from: from[index] ?? 0,
    to: to[index] ?? 0,
    width: widthOf(link),
  }));
}

/** Pixels a session: as thick as fits the card with the most sessions, one scale for the whole picture. */
function thickness(
  links: readonly Unplaced[],
  endpoints: readonly CardPlace[],
  instances: readonly CardPlace[],
): number {
  const scales = [
    ...endpoints.map((card) =>
      roomPerSession(
        card,
        links.filter(({ endpoint }) => endpoint === card.id),
      ),
    ),
    ...instances.map((card) =>
      roomPerSession(
        card,
        links.filter(({ instance }) => instance === card.id),
      ),
    ),
  ];
  const most = Math.max(1, ...links.map(({ sessions }) => sessions));
  return Math.min(1.5, thickest / most, ...scales);
}

function roomPerSession({ height }: CardPlace, links: readonly Unplaced[]): number {
  const sessions = links.reduce((sum, link) => sum + link.sessions, 0);
  return sessions === 0 ? Number.POSITIVE_INFINITY : (height - 2 * margin) / sessions;
}

/** Lines of one card side by side in the order of the cards opposite, so that they do not cross at the card. */
function ports(
  links: readonly Unplaced[],
  cards: readonly CardPlace[],
  cardOf: (link: Unplaced) => string,
  widthOf: (link: Unplaced) => number,
): number[] {
  const middles = new Array<number>(links.length).fill(0);
  for (const card of cards) {
    const own = links.map((link, index) => ({ link, index })).filter(({ link }) => cardOf(link) === card.id);
    const widths = own.map(({ link }) => widthOf(link));
    const total = widths.reduce((sum, width) => sum + width, 0);
    const room = card.height - 2 * margin;
    // Thin lines are spread a little, or a bundle of hairs looks like one thick line.
    const gap = Math.max(0, Math.min(6, (room - total) / Math.max(1, own.length - 1)));
    // Where the minimum widths together exceed the card, they overlap evenly rather than leave it.
    const squeeze = Math.min(1, room / Math.max(1, total));
    let top = card.top + card.height / 2 - (total * squeeze + gap * (own.length - 1)) / 2;
    own.forEach(({ index }, at) => {
      const width = (widths[at] ?? 0) * squeeze;
      middles[index] = top + width / 2;
      top += width + gap;
    });
  }
  return middles;
}

/** A line from left (0) to right (100), flat at both ends. */
export const curve = (from: number, to: number): string =>
  `M0 ${round(from)}C50 ${round(from)} 50 ${round(to)} 100 ${round(to)}`;

const round = (value: number): number => Math.round(value * 10) / 10;
