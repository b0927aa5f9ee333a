import { useMemo } from 'preact/hooks';
import type { ClusterJson, EndpointJson, InstanceJson } from '../../src/admin/api.ts';
import { whyOut } from '../../src/admin/why-out.ts';
import { runsOf } from './chart-scale.ts';
import { counted, formatCount, formatLag } from './format.ts';
import { type History, keyOf } from './history-merge.ts';
import { Icon, type IconName } from './icon.tsx';
import { type CardPlace, curve, type Link, layOut } from './layout.ts';
import { stateWord } from './trouble.ts';

interface Props {
  readonly cluster: ClusterJson;
  readonly history: History;
  readonly onInstance: (instance: string) => void;
}

/** Endpoints on the left, instances on the right, and between them lines as thick as their sessions. */
export function Picture({ cluster, history, onInstance }: Props) {
  const { height, isDense, endpoints, instances, links } = layOut(cluster);
  return (
    <div class={`picture${isDense ? ' is-dense' : ''}`} style={{ height: `${height}px` }}>
      <ul class="column" aria-label="Endpoints">
        {cluster.endpoints.map((endpoint, index) => (
          <EndpointCard key={endpoint.name} endpoint={endpoint} place={endpoints[index]} />
        ))}
      </ul>
      <svg
        class="links"
        height={height}
        viewBox={`0 0 100 ${Math.max(1, height)}`}
        preserveAspectRatio="none"
        aria-hidden="true"
        focusable="false"
      >
        {links.map((link) => (
          <LinkLine key={`${link.endpoint}\n${link.instance}`} link={link} />
        ))}
        {cluster.endpoints.map(({ name, held }, index) => (
          <HeldStub key={name} held={held} place={endpoints[index]} />
        ))}
      </svg>
      <ul class="column" aria-label="Instances">
        {cluster.instances.map((instance, index) => (
          <InstanceCard
            key={instance.id}
            {...{ instance, cluster, history }}
            place={instances[index]}
            onOpen={() => onInstance(instance.id)}
          />
        ))}
      </ul>
    </div>
  );
}

const LinkLine = ({
  link: { endpoint, instance, type, sessions, isMember, from, to, width },
}: {
  readonly link: Link;
}) => (
  <path
    class={`link type-${type}${sessions === 0 ? ' is-idle' : ''}${isMember ? '' : ' is-leaving'}`}
    d={curve(from, to)}
    stroke-width={width}
    vector-effect="non-scaling-stroke"
  >
    <title>
      {`${endpoint} to ${instance}: ${counted(sessions, 'session')}${isMember ? '' : ', no new ones'}`}
    </title>
  </path>
);

/** Connections that wait reach nobody: a line that ends on the way. */
function HeldStub({ held, place }: { readonly held: number; readonly place: CardPlace | undefined }) {
  if (held === 0 || place === undefined) return null;
  const y = place.top + place.height / 2;
  return (
    <path
      class="link is-held"
      d={`M0 ${y}H42M42 ${y - 12}V${y + 12}`}
      stroke-width={Math.min(14, 3 + held / 4)}
      vector-effect="non-scaling-stroke"
    />
  );
}

const endpointIcons: Readonly<Record<EndpointJson['type'], IconName>> = {
  writer: 'writer',
  reader: 'reader',
  custom: 'custom',
  instance: 'instance',
};

function EndpointCard({
  endpoint,
  place,
}: {
  readonly endpoint: EndpointJson;
  readonly place: CardPlace | undefined;
}) {
  const {
    name,
    type,
    listen,
    hostname,
    sessions,
    held,
    members,
    listening,
    sessions_by_instance: placed,
  } = endpoint;
  const isBereft = members.length === 0 && held === 0;
  const where = Object.entries(placed).map(([instance, count]) => `${count} on ${instance}`);
  return (
    <li
      class={`endpoint type-${type}${listening ? '' : ' is-bad'}`}
      style={placeStyle(place)}
      title={`${type} endpoint ${name} on ${listen}${hostname === null ? '' : ` (${hostname})`}, at most ${formatCount(endpoint.max_sessions)} sessions`}
    >
      <span class="line">
        <Icon name={endpointIcons[type]} />
        <strong class="name">{name}</strong>
        <span class="number">{formatCount(sessions)}</span>
      </span>
      <span class="line small">
        {!listening ? (
          <span class="bad">does not listen</span>
        ) : held > 0 ? (
          <span class="held">
            <Icon name="waiting" size={13} /> {formatCount(held)} waiting
          </span>
        ) : isBereft ? (
          <span class="bad">nobody serves it</span>
        ) : (
          <span class="muted address">{hostname ?? listen}</span>
        )}
        <Unit sessions={sessions} />
      </span>
      <span class="unseen">{where.join(', ')}</span>
    </li>
  );
}

const stateIcons: Readonly<Record<string, IconName>> = {
  healthy: 'check',
  down: 'cross',
  'not seen yet': 'question',
};

interface InstanceCardProps {
  readonly instance: InstanceJson;
  readonly cluster: ClusterJson;
  readonly history: History;
  readonly place: CardPlace | undefined;
  readonly onOpen: () => void;
}

function InstanceCard({ instance, cluster, history, place, onOpen }: InstanceCardProps) {
  const { id, zone, sessions, role } = instance;
  const isWriter = cluster.writer === id;
  const state = stateWord(instance, cluster.writer);
  const isBad = state === 'down' || state === 'deposed';
  const why = whyOut(instance, cluster.endpoints);
  const level = state === 'healthy' ? 'ok' : isBad ? 'bad' : 'notice';
  const health = history.letters.get(keyOf(cluster.name, 'instance', id, 'health'));
  const strip = useMemo(() => <HealthStrip letters={health ?? ''} />, [health]);
  return (
    <li style={placeStyle(place)} class="instance-place">
      <button
        type="button"
        class={`instance level-${level}${isWriter ? ' is-writer' : ''}`}
        onClick={onOpen}
        title={[`${id} at ${instance.address}`, ...why].join('\n')}
        data-instance={id}
      >
        <span class="line">
          <span class={`state level-${level}`}>
            <Icon name={stateIcons[state] ?? 'warning'} />
          </span>
          <strong class="name">{id}</strong>
          {isWriter ? <WriterBadge /> : <span class="badge">{role ?? 'unknown'}</span>}
          {zone !== null && <span class="muted small zone">zone {zone}</span>}
          <span class="number">{formatCount(sessions)}</span>
        </span>
        <span class="line small">
          <span class="why">
            {state === 'healthy' ? (
              <span class="muted">
                {isWriter ? <WriterWords /> : `${formatLag(instance.lag_seconds)} behind`}
              </span>
            ) : (
              <strong class={isBad ? 'bad' : 'warn'}>{state}</strong>
            )}
            {notes(why, state).length > 0 && <span class="warn"> · {notes(why, state).join('; ')}</span>}
          </span>
          <Unit sessions={sessions} />
        </span>
        {strip}
      </button>
    </li>
  );
}

const WriterBadge = () => (
  <span class="badge is-writer">
    <Icon name="writer" size={12} /> Writer
  </span>
);

/** On a phone the badge stands here, where there is room for it. */
const WriterWords = () => (
  <>
    <span class="on-phone" aria-hidden="true">
      <WriterBadge />
    </span>
    <span class="on-desk">takes writes</span>
  </>
);

/** On a phone with the number, which has no room beside the name. */
const Unit = ({ sessions }: { readonly sessions: number }) => (
  <span class="unit muted">
    <strong class="on-phone" aria-hidden="true">
      {`${formatCount(sessions)} `}
    </strong>
    {sessions === 1 ? 'session' : 'sessions'}
  </span>
);

/** What the word for the state has said already is not said again. */
const notes = (why: readonly string[], state: string): readonly string[] =>
  why.filter((reason) => reason !== state);

/** The health of the last hour, a thin strip. */
function HealthStrip({ letters }: { readonly letters: string }) {
  return (
    <svg class="strip" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      {runsOf(letters).map(({ letter, from, to }) => (
        <rect
          key={from}
          class={`health-${letter === '.' ? 'none' : letter}`}
          x={from}
          width={to - from}
          height="1"
        />
      ))}
    </svg>
  );
}

const placeStyle = (place: CardPlace | undefined) =>
  place === undefined ? {} : { top: `${place.top}px`, height: `${place.height}px` };
