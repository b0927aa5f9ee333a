import { useState } from 'preact/hooks';
import type { EventJson } from '../../src/admin/api.ts';
import { type EventFilter, filterEvents, identityOf } from './event-merge.ts';
import { Icon, type IconName } from './icon.tsx';
import { Moment } from './moment.tsx';

const levelIcons: Readonly<Record<string, IconName>> = { error: 'cross', fatal: 'cross', warn: 'warning' };
const atFirst = 100;

/** What happened, the newest first. */
export function EventTimeline({
  events,
  clusters,
}: {
  readonly events: readonly EventJson[];
  readonly clusters: readonly string[];
}) {
  const [filter, setFilter] = useState<EventFilter>({ cluster: null, troubleOnly: false });
  const [most, setMost] = useState(atFirst);
  const found = filterEvents(events, filter);
  return (
    <aside class="card timeline" aria-label="Events">
      <header>
        <h2>Events</h2>
        <span class="grow" />
        {clusters.length > 1 && (
          <select
            aria-label="Events of which cluster"
            value={filter.cluster ?? ''}
            onChange={({ currentTarget: { value } }) =>
              setFilter({ ...filter, cluster: value === '' ? null : value })
            }
          >
            <option value="">all clusters</option>
            {clusters.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        )}
        <label>
          <input
            type="checkbox"
            checked={filter.troubleOnly}
            onChange={({ currentTarget }) => setFilter({ ...filter, troubleOnly: currentTarget.checked })}
          />
          trouble only
        </label>
      </header>
      {found.length === 0 && (
        <p class="empty muted">
          {events.length === 0 ? 'Nothing has happened yet.' : 'Nothing of this kind.'}
        </p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached with the keyboard */}
      <ol tabIndex={0} aria-label="Events, the newest first">
        {found.slice(0, most).map((event) => (
          <li key={identityOf(event)} class={`event is-${event.level}`}>
            <span class="state">
              <Icon name={levelIcons[event.level] ?? 'info'} size={13} />
              <span class="unseen">{event.level}</span>
            </span>
            <div>
              <p>{event.message}</p>
              <p class="muted small">
                <Moment at={event.at} />
                {clusters.length > 1 && <span> · {event.cluster}</span>}
                <span title={event.rule === null ? undefined : `rule ${event.rule}`}> · {event.name}</span>
              </p>
            </div>
          </li>
        ))}
      </ol>
      {found.length > most && (
        <button type="button" class="quiet" onClick={() => setMost(most + 200)}>
          Show more
        </button>
      )}
    </aside>
  );
}
