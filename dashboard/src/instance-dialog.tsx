import type { ClusterJson, InstanceJson } from '../../src/admin/api.ts';
import { whyOut } from '../../src/admin/why-out.ts';
import { type Action, isManaged } from './consequences.ts';
import { formatCount, formatLag, unknown } from './format.ts';
import { Icon } from './icon.tsx';
import { Modal } from './modal.tsx';
import { stateWord } from './trouble.ts';

interface Props {
  readonly cluster: ClusterJson;
  readonly instance: InstanceJson;
  readonly onAction: (action: Action) => void;
  readonly onClose: () => void;
}

/** All about one instance, and what can be done with it. */
export function InstanceDialog({ cluster, instance, onAction, onClose }: Props) {
  const { id, drained } = instance;
  const isWriter = cluster.writer === id;
  const why = whyOut(instance, cluster.endpoints);
  return (
    <Modal title={id} onClose={onClose}>
      <p class="line">
        {isWriter && (
          <span class="badge is-writer">
            <Icon name="writer" size={12} /> Writer
          </span>
        )}
        {!isWriter && <span class="badge">{instance.role ?? 'role unknown'}</span>}
        <span>{stateWord(instance, cluster.writer)}</span>
      </p>
      {why.length > 0 && (
        <ul class="warnings">
          {why.map((reason) => (
            <li key={reason}>
              <Icon name="warning" /> {reason}
            </li>
          ))}
        </ul>
      )}
      <dl class="details">
        {detailsOf(instance, cluster).map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <footer>
        {isManaged(cluster) && !isWriter && (
          <button
            type="button"
            onClick={() => onAction({ kind: 'switchover', cluster: cluster.name, to: id })}
          >
            <Icon name="swap" /> Make it the writer…
          </button>
        )}
        <button
          type="button"
          onClick={() =>
            onAction({ kind: drained ? 'undrain' : 'drain', cluster: cluster.name, instance: id })
          }
        >
          <Icon name={drained ? 'undrain' : 'drain'} /> {drained ? 'Put it back…' : 'Drain…'}
        </button>
      </footer>
    </Modal>
  );
}

function detailsOf(
  instance: InstanceJson,
  { endpoints }: ClusterJson,
): readonly (readonly [string, string])[] {
  const { last_failure: failure, withheld, tags } = instance;
  const sessions = endpoints.flatMap(({ name, sessions_by_instance: placed }) => {
    const count = placed[instance.id] ?? 0;
    return count === 0 ? [] : [`${formatCount(count)} of ${name}`];
  });
  const serves = endpoints.filter(({ members }) => members.includes(instance.id)).map(({ name }) => name);
  const tagged = Object.entries(tags).map(([key, value]) => `${key}: ${value}`);
  return [
    ['Address', instance.address],
    ['Version', instance.version ?? unknown],
    ...(withheld === undefined ? [] : [['Not the writer', withheld] as const]),
    ['Lag', formatLag(instance.lag_seconds)],
    ['Position', instance.position ?? unknown],
    ['Sessions', sessions.join(', ') || 'none'],
    ['Serves', serves.join(', ') || 'no endpoint now'],
    ['Promotion tier', String(instance.promotion_tier)],
    ['Weight', String(instance.weight)],
    ...(instance.zone === null ? [] : [['Zone', instance.zone] as const]),
    ...(tagged.length === 0 ? [] : [['Tags', tagged.join(', ')] as const]),
    ...(failure === null ? [] : [['Last failed probe', `${failure.reason}: ${failure.detail}`] as const]),
  ];
}
