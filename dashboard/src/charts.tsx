import { useEffect, useRef, useState } from 'preact/hooks';
import type { ClusterJson, FailoverJson } from '../../src/admin/api.ts';
import { linePath, nearest, type Plane, ticksTo, type Values, xOf, yOf } from './chart-scale.ts';
import { formatClock, formatCount, formatLag, unknown } from './format.ts';
import { type History, keyOf, type Measure } from './history-merge.ts';
import { headlineOf } from './waterfall.ts';

interface Props {
  readonly cluster: ClusterJson;
  readonly history: History;
  readonly failovers: readonly FailoverJson[];
}

interface Series {
  readonly name: string;
  readonly values: Values;
  /** Of the palette; those after the eighth are dashed. */
  readonly colour: number;
}

const ranges = [60, 15, 5] as const;

/** Lag of each instance and sessions of each endpoint over the last hour. */
export function Charts({ cluster, history, failovers }: Props) {
  const [minutes, setMinutes] = useState<number>(60);
  const { name, instances, endpoints } = cluster;
  const values = (room: 'instance' | 'endpoint', id: string, measure: Measure): Values =>
    history.values.get(keyOf(name, room, id, measure)) ?? [];
  const lag = instances.map(({ id }, colour) => ({
    name: id,
    colour,
    values: values('instance', id, 'lag'),
  }));
  const sessions = endpoints.map((endpoint, colour) => ({
    name: endpoint.name,
    colour,
    values: values('endpoint', endpoint.name, 'sessions'),
  }));
  const held = endpoints
    .map((endpoint) => ({
      name: `${endpoint.name}, waiting`,
      colour: 99,
      values: values('endpoint', endpoint.name, 'held'),
    }))
    .filter((series) => series.values.some((value) => (value ?? 0) > 0));
  const marks = failovers.filter(({ kind }) => kind !== 'elected');
  return (
    <div class="charts">
      <fieldset class="ranges">
        <legend class="unseen">How far back</legend>
        {ranges.map((range) => (
          <button
            key={range}
            type="button"
            class="quiet"
            aria-pressed={minutes === range}
            onClick={() => setMinutes(range)}
          >
            {range === 60 ? '1 h' : `${range} min`}
          </button>
        ))}
      </fieldset>
      <Chart
        title="Replication lag"
        {...{ history, marks, minutes }}
        series={lag}
        atLeast={1}
        format={formatLag}
      />
      <Chart
        title="Sessions"
        {...{ history, marks, minutes }}
        series={[...sessions, ...held]}
        atLeast={4}
        format={(value) => (value === null ? unknown : formatCount(value))}
      />
    </div>
  );
}

interface ChartProps {
  readonly title: string;
  readonly history: History;
  readonly series: readonly Series[];
  readonly marks: readonly FailoverJson[];
  /** So far back. */
  readonly minutes: number;
  /** The axis reaches at least so far, so that noise does not look like mountains. */
  readonly atLeast: number;
  readonly format: (value: number | null) => string;
}

const height = 150;
const left = 52;
const bottom = 20;
const top = 12;

function Chart({ title, history, series, marks, minutes, atLeast, format }: ChartProps) {
  const [box, width] = useWidth();
  const [hovered, setHovered] = useState<number | null>(null);
  const [picked, setPicked] = useState<string | null>(null);
  const to = history.at.at(-1) ?? Date.now();
  const from = to - minutes * 60_000;
  const first = history.at.findIndex((at) => at >= from);
  const largest = series.reduce(
    (most, { values }) => values.slice(first).reduce<number>((max, value) => Math.max(max, value ?? 0), most),
    0,
  );
  const ticks = ticksTo(largest, atLeast);
  const plane: Plane = {
    width: Math.max(50, width - left - 8),
    height,
    from,
    to,
    top: ticks.at(-1) ?? atLeast,
  };
  const shown = hovered ?? history.at.length - 1;
  const hover = (event: PointerEvent): void => {
    const edge = (event.currentTarget as SVGElement).getBoundingClientRect().left + left;
    setHovered(nearest(history.at, from + ((event.clientX - edge) / plane.width) * (to - from)));
  };
  const shownAt = history.at[shown];
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <span class="muted small">
          {hovered === null || shownAt === undefined
            ? minutes === 60
              ? 'last hour'
              : `last ${minutes} minutes`
            : formatClock(new Date(shownAt))}
        </span>
      </figcaption>
      <div ref={box}>
        <svg
          width={width}
          height={height + top + bottom}
          role="img"
          aria-label={`${title} of the last ${minutes} minutes; the values are in the list below`}
          onPointerMove={hover}
          onPointerLeave={() => setHovered(null)}
        >
          <g transform={`translate(${left} ${top})`}>
            <Axes {...{ plane, ticks, format }} />
            {marks.map((mark) => (
              <Mark key={mark.at} {...{ plane, mark }} />
            ))}
            {series.map(({ name, values, colour }) => (
              <path
                key={name}
                class={`line colour-${colour}${picked !== null && picked !== name ? ' is-faint' : ''}`}
                d={linePath(plane, history.at, values, history.intervalMs * 2.5)}
              />
            ))}
            {hovered !== null && shownAt !== undefined && shownAt >= from && (
              <line class="cursor" x1={xOf(plane, shownAt)} x2={xOf(plane, shownAt)} y1={0} y2={height} />
            )}
          </g>
          {history.at.length < 2 && (
            <text class="muted" x={left + plane.width / 2} y={top + height / 2} text-anchor="middle">
              The first minutes are being recorded
            </text>
          )}
        </svg>
      </div>
      <ul class="legend">
        {series.map(({ name, values, colour }) => (
          <li key={name}>
            <button
              type="button"
              aria-pressed={picked === name}
              onClick={() => setPicked(picked === name ? null : name)}
              title={`Show ${name} alone`}
            >
              <svg width="14" height="8" aria-hidden="true" focusable="false">
                <path class={`line colour-${colour}`} d="M0 4h14" />
              </svg>
              <span class="name">{name}</span>
              <span class="value">{format(values[shown] ?? null)}</span>
            </button>
          </li>
        ))}
      </ul>
    </figure>
  );
}

interface AxesProps {
  readonly plane: Plane;
  readonly ticks: readonly number[];
  readonly format: (value: number | null) => string;
}

/** Whole minutes along the axis, as many as there is room for. */
function minutesOf({ width, from, to }: Plane): readonly number[] {
  const whole = Math.round((to - from) / 60_000);
  const parts = whole === 60 ? [4, 2] : whole === 15 ? [3, 1] : [5, 1];
  const count = (width < 330 ? parts[1] : parts[0]) ?? 1;
  return Array.from({ length: count + 1 }, (_, index) => (index * whole) / count);
}

const Axes = ({ plane, ticks, format }: AxesProps) => (
  <g class="axes">
    {ticks.map((tick) => (
      <g key={tick}>
        <line x1={0} x2={plane.width} y1={yOf(plane, tick)} y2={yOf(plane, tick)} />
        <text x={-8} y={yOf(plane, tick) + 4} text-anchor="end">
          {format(tick)}
        </text>
      </g>
    ))}
    {minutesOf(plane).map((minute, index, all) => {
      const x = plane.width - (minute * 60_000 * plane.width) / (plane.to - plane.from);
      return (
        <text
          key={minute}
          x={x}
          y={plane.height + 16}
          text-anchor={minute === 0 ? 'end' : index === all.length - 1 ? 'start' : 'middle'}
        >
          {minute === 0 ? 'now' : `−${minute} min`}
        </text>
      );
    })}
  </g>
);

/** When the writer changed. */
function Mark({ plane, mark }: { readonly plane: Plane; readonly mark: FailoverJson }) {
  const at = Date.parse(mark.at);
  if (at < plane.from || at > plane.to) return null;
  const x = xOf(plane, at);
  return (
    <g class={`mark kind-${mark.kind} outcome-${mark.outcome}`}>
      <line x1={x} x2={x} y1={0} y2={plane.height} />
      <path d={`M${x - 5} -10h10l-5 8z`} />
      <title>{`${formatClock(new Date(at))} ${headlineOf(mark)}`}</title>
    </g>
  );
}

/** The width of an element, now and whenever it changes. */
function useWidth() {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(400);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.floor(entry.contentRect.width));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [box, width] as const;
}
