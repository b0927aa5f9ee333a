import { useMemo } from 'preact/hooks';
import type { ClusterJson, FailoverJson } from '../../src/admin/api.ts';
import { Charts } from './charts.tsx';
import { type Action, isManaged } from './consequences.ts';
import { FailoverList } from './failover-list.tsx';
import { formatCount } from './format.ts';
import type { History } from './history-merge.ts';
import { Icon } from './icon.tsx';
import { levelIcons } from './level-icon.ts';
import { Moment } from './moment.tsx';
import { PhaseSteps } from './phase-steps.tsx';
import { Picture } from './picture.tsx';
import { conditionOf, durabilityWords } from './trouble.ts';

interface Props {
  readonly cluster: ClusterJson;
  readonly history: History;
  readonly failovers: readonly FailoverJson[];
  readonly onAction: (action: Action) => void;
  readonly onInstance: (instance: string) => void;
}

export function ClusterSection({ cluster, history, failovers, onAction, onInstance }: Props) {
  const { name } = cluster;
  const condition = conditionOf(cluster);
  const ids = cluster.instances.map(({ id }) => id).join('\n');
  const endpoints = cluster.endpoints.map((endpoint) => `${endpoint.name} ${endpoint.type}`).join('\n');
  // Charts change every few seconds, the picture many times a second.
  const charts = useMemo(
    () => <Charts {...{ cluster, history, failovers }} />,
    [name, ids, endpoints, history, failovers],
  );
  const records = useMemo(() => <FailoverList {...{ name, failovers }} />, [name, failovers]);
  return (
    <section
      class={`card cluster level-${condition.level}`}
      id={`cluster-${name}`}
      aria-labelledby={`name-${name}`}
    >
      <ClusterHead {...{ cluster, onAction }} />
      <Facts {...{ cluster, failovers }} />
      <div class={`condition level-${condition.level}`}>
        <Icon name={levelIcons[condition.level]} size={20} />
        <div class="grow">
          <p class="headline">{condition.headline}</p>
          {condition.details.map((detail) => (
            <p key={detail}>{detail}</p>
          ))}
        </div>
        {condition.level === 'busy' && <PhaseSteps phase={cluster.phase} />}
      </div>
      <Picture {...{ cluster, history, onInstance }} />
      {charts}
      {records}
    </section>
  );
}

function ClusterHead({ cluster, onAction }: Pick<Props, 'cluster' | 'onAction'>) {
  const { name, engine, mode, writer } = cluster;
  const engines: Readonly<Record<string, string>> = { postgres: 'PostgreSQL', mysql: 'MySQL' };
  const version = cluster.instances.find(({ id }) => id === writer)?.version ?? engines[engine] ?? engine;
  return (
    <header class="cluster-head">
      <h2 id={`name-${name}`}>{name}</h2>
      <span class="muted">{version}</span>
      <span class="grow" />
      {isManaged(cluster) ? (
        <span class="buttons">
          <button type="button" onClick={() => onAction({ kind: 'switchover', cluster: name, to: null })}>
            <Icon name="swap" /> Switch over…
          </button>
          <button type="button" onClick={() => onAction({ kind: 'failover', cluster: name, force: false })}>
            <Icon name="bolt" /> Fail over…
          </button>
        </span>
      ) : (
        <span class="chip" title="Aurelay follows whoever promotes here, and touches no server">
          {mode}: promoted elsewhere, followed here
        </span>
      )}
    </header>
  );
}

function Facts({ cluster, failovers }: Pick<Props, 'cluster' | 'failovers'>) {
  const { writer, epoch, endpoints, instances } = cluster;
  const latest = failovers.find(({ outcome }) => outcome === 'completed');
  const sessions = instances.reduce((sum, one) => sum + one.sessions, 0);
  const held = endpoints.reduce((sum, one) => sum + one.held, 0);
  const durability = durabilityWords(cluster);
  return (
    <dl class="facts">
      <div class={writer === null ? 'is-bad' : 'is-writer'}>
        <dt>Writer</dt>
        <dd data-writer={writer ?? ''}>
          <Icon name={writer === null ? 'warning' : 'writer'} /> {writer ?? 'nobody'}
        </dd>
        <dd class="muted small">
          {latest !== undefined && latest.to === writer && (
            <>
              since <Moment at={latest.at} />
            </>
          )}
        </dd>
      </div>
      <div>
        <dt title="A writer's term of office: grows by one with each promotion">Epoch</dt>
        <dd>{formatCount(epoch)}</dd>
      </div>
      <div>
        <dt>Sessions</dt>
        <dd>{formatCount(sessions)}</dd>
      </div>
      <div class={held > 0 ? 'is-held' : ''}>
        <dt title="New connections that wait for a writer">Waiting</dt>
        <dd>
          {held > 0 && <Icon name="waiting" />} {formatCount(held)}
        </dd>
      </div>
      <div>
        <dt title="Who has a commit before its client is told of it">Durability</dt>
        <dd class="small">{durability ?? 'asynchronous'}</dd>
      </div>
    </dl>
  );
}
