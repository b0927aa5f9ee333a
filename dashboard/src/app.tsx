import { useEffect, useMemo, useState } from 'preact/hooks';
import type { ClusterJson } from '../../src/admin/api.ts';
import { ActionDialog } from './action-dialog.tsx';
import { ClusterSection } from './cluster-section.tsx';
import { connectionNotice } from './connection.ts';
import type { Action } from './consequences.ts';
import { EventTimeline } from './event-timeline.tsx';
import { Icon } from './icon.tsx';
import { InstanceDialog } from './instance-dialog.tsx';
import { levelIcons } from './level-icon.ts';
import type { Model } from './model.ts';
import { ClockAhead } from './moment.tsx';
import type { Store } from './store.ts';
import { tabIcon } from './tab-mark.ts';
import { ThemeSwitch } from './theme-switch.tsx';
import { conditionOf, summaryOf, titleOf } from './trouble.ts';

/** What stands before the page. */
type Opened =
  | { readonly kind: 'action'; readonly action: Action }
  | { readonly kind: 'instance'; readonly cluster: string; readonly instance: string };

export function App({ store }: { readonly store: Store }) {
  const [model, setModel] = useState(store.model);
  const [opened, setOpened] = useState<Opened | null>(null);
  useEffect(() => store.listen(setModel), [store]);
  useTabMark(model);
  const clusters = model.clusters ?? [];
  const act = (action: Action): void => setOpened({ kind: 'action', action });
  const names = clusters.map(({ name }) => name).join('\n');
  const timeline = useMemo(
    () => <EventTimeline events={model.events} clusters={names.split('\n')} />,
    [model.events, names],
  );
  return (
    <ClockAhead.Provider value={model.aheadMs}>
      <Masthead model={model} />
      <Notices model={model} />
      <div class={`columns${model.connection.kind === 'lost' ? ' is-old' : ''}`}>
        <main>
          {clusters.length > 1 && <ClusterIndex clusters={clusters} />}
          {model.clusters === null && <Waiting model={model} />}
          {model.clusters?.length === 0 && <p class="empty card">No clusters are configured.</p>}
          {clusters.map((cluster) => (
            <ClusterSection
              key={cluster.name}
              cluster={cluster}
              history={model.history}
              failovers={model.failovers.get(cluster.name) ?? []}
              onAction={act}
              onInstance={(instance) => setOpened({ kind: 'instance', cluster: cluster.name, instance })}
            />
          ))}
        </main>
        {timeline}
      </div>
      <Opener model={model} opened={opened} onAction={act} onClose={() => setOpened(null)} />
      <p class="unseen" role="status" aria-live="polite">
        {model.announcement}
      </p>
    </ClockAhead.Provider>
  );
}

function useTabMark({ clusters, connection }: Model): void {
  const isConnected = connection.kind !== 'lost';
  const title = titleOf(clusters ?? [], isConnected);
  const level = isConnected ? summaryOf(clusters ?? []).level : 'lost';
  useEffect(() => {
    document.title = title;
    document.getElementById('icon')?.setAttribute('href', tabIcon(level));
  }, [title, level]);
}

function Masthead({ model: { clusters, connection, hello } }: { readonly model: Model }) {
  const { level, words } =
    clusters === null ? { level: 'busy' as const, words: 'Connecting …' } : summaryOf(clusters);
  const isLive = connection.kind === 'live';
  return (
    <header class="masthead">
      <h1>
        <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true" focusable="false">
          <rect class="mark" width="32" height="32" rx="8" />
          <path class="mark-line" d="M6 22c5 0 5-12 10-12s5 12 10 12" />
        </svg>
        Aurelay
      </h1>
      <p class={`pill level-${level}`}>
        <Icon name={levelIcons[level]} /> <span>{words}</span>
      </p>
      <p class="grow" />
      <p class={`live${isLive ? '' : ' is-lost'}`}>
        <span class="dot" /> {isLive ? 'Live' : 'Not connected'}
      </p>
      {hello !== null && (
        <p class="version" title={`runs since ${hello.started_at}`}>
          {hello.version}
        </p>
      )}
      <ThemeSwitch />
    </header>
  );
}

function Notices({ model }: { readonly model: Model }) {
  const notice = connectionNotice(model.connection);
  return (
    <>
      {notice !== null && (
        <p class="notice is-lost" role="alert">
          <Icon name="warning" /> {notice}
        </p>
      )}
      {model.isOutdated && (
        <p class="notice">
          <Icon name="info" /> Aurelay was updated, and so was this page.
          <button type="button" onClick={() => location.reload()}>
            Load it
          </button>
        </p>
      )}
    </>
  );
}

const Waiting = ({ model }: { readonly model: Model }) => (
  <section class="card empty" aria-busy="true">
    {model.connection.kind === 'connecting' && model.connection.attempts > 0
      ? 'Aurelay does not answer yet.'
      : 'Asking Aurelay how things are …'}
  </section>
);

const ClusterIndex = ({ clusters }: { readonly clusters: readonly ClusterJson[] }) => (
  <nav class="index" aria-label="Clusters">
    {clusters.map((cluster) => {
      const { level, headline } = conditionOf(cluster);
      return (
        <a key={cluster.name} href={`#cluster-${cluster.name}`} class={`level-${level}`}>
          <Icon name={levelIcons[level]} />
          <strong>{cluster.name}</strong>
          <span>{level === 'ok' ? `writer ${cluster.writer}` : headline}</span>
        </a>
      );
    })}
  </nav>
);

interface OpenerProps {
  readonly model: Model;
  readonly opened: Opened | null;
  readonly onAction: (action: Action) => void;
  readonly onClose: () => void;
}

function Opener({ model, opened, onAction, onClose }: OpenerProps) {
  if (opened === null) return null;
  const name = opened.kind === 'action' ? opened.action.cluster : opened.cluster;
  const cluster = model.clusters?.find((one) => one.name === name);
  if (cluster === undefined) return null;
  const isConnected = model.connection.kind === 'live';
  if (opened.kind === 'action') {
    const { action } = opened;
    return (
      <ActionDialog
        key={JSON.stringify([action.kind, action.cluster])}
        {...{ action, cluster, isConnected, onAction, onClose }}
      />
    );
  }
  const instance = cluster.instances.find(({ id }) => id === opened.instance);
  if (instance === undefined) return null;
  return <InstanceDialog {...{ cluster, instance, onAction, onClose }} />;
}
