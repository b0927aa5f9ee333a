import { useEffect, useState } from 'preact/hooks';
import type { ClusterJson } from '../../src/admin/api.ts';
import { type Action, type Consequences, candidatesOf, consequencesOf } from './consequences.ts';
import { formatLag } from './format.ts';
import { Icon } from './icon.tsx';
import { Modal } from './modal.tsx';
import { PhaseSteps } from './phase-steps.tsx';
import { type Answer, rememberToken, sendAction } from './send-action.ts';

interface Props {
  readonly action: Action;
  readonly cluster: ClusterJson;
  readonly isConnected: boolean;
  readonly onAction: (action: Action) => void;
  readonly onClose: () => void;
}

type Stage =
  | { readonly kind: 'asking'; readonly rehearsal: Answer | null }
  | { readonly kind: 'running' }
  | { readonly kind: 'ended'; readonly answer: Answer };

/** Says what will happen, has it done, and says what came of it. */
export function ActionDialog({ action, cluster, isConnected, onAction, onClose }: Props) {
  const [stage, setStage] = useState<Stage>({ kind: 'asking', rehearsal: null });
  const [attempt, setAttempt] = useState(0);
  const target = action.kind === 'switchover' ? action.to : null;
  useEffect(() => {
    if (target === null) return;
    let isWanted = true;
    setStage({ kind: 'asking', rehearsal: null });
    void sendAction(action, true).then((rehearsal) => {
      if (isWanted) setStage((now) => (now.kind === 'asking' ? { kind: 'asking', rehearsal } : now));
    });
    return () => {
      isWanted = false;
    };
  }, [target, attempt]);
  const run = async (): Promise<void> => {
    setStage({ kind: 'running' });
    const answer = await sendAction(action, false);
    setStage(answer.kind === 'token' ? { kind: 'asking', rehearsal: answer } : { kind: 'ended', answer });
  };
  const consequences = consequencesOf(action, cluster);
  return (
    <Modal title={consequences.title} onClose={onClose}>
      {stage.kind === 'asking' && (
        <Asking
          {...{ action, cluster, consequences, isConnected, onAction, onClose }}
          rehearsal={stage.rehearsal}
          onConfirm={() => void run()}
          onToken={(token) => {
            rememberToken(token);
            setStage({ kind: 'asking', rehearsal: null });
            setAttempt(attempt + 1);
          }}
        />
      )}
      {stage.kind === 'running' && (
        <div class="running" role="status">
          <span class="spinner" />
          <div>
            <p>Under way. It goes on where this window is closed.</p>
            <PhaseSteps phase={cluster.phase} />
          </div>
        </div>
      )}
      {stage.kind === 'ended' && <Ended answer={stage.answer} onClose={onClose} />}
    </Modal>
  );
}

interface AskingProps extends Props {
  readonly consequences: Consequences;
  readonly rehearsal: Answer | null;
  readonly onConfirm: () => void;
  readonly onToken: (token: string) => void;
}

function Asking(props: AskingProps) {
  const { action, cluster, consequences, isConnected, rehearsal, onAction, onConfirm, onToken, onClose } =
    props;
  if (rehearsal?.kind === 'token') return <TokenForm isWrong={rehearsal.isWrong} onToken={onToken} />;
  const { will, warnings, obstacle, confirm, isDangerous } = consequences;
  const isRefused = rehearsal?.kind === 'refused';
  return (
    <>
      {action.kind === 'switchover' && <TargetChoice {...{ action, cluster, onAction }} />}
      <ul class="will">
        {will.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      {warnings.length > 0 && (
        <ul class="warnings">
          {warnings.map((sentence) => (
            <li key={sentence}>
              <Icon name="warning" /> {sentence}
            </li>
          ))}
        </ul>
      )}
      {action.kind === 'failover' && <FailoverChoices {...{ action, cluster, onAction }} />}
      <Rehearsal {...{ action, rehearsal }} />
      {!isConnected && <p class="verdict level-bad">Not connected: this is not how things are now.</p>}
      {obstacle !== null && <p class="verdict level-notice">{obstacle}</p>}
      <footer>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class={isDangerous ? 'danger' : 'primary'}
          disabled={obstacle !== null || isRefused || !isConnected}
          onClick={onConfirm}
        >
          {confirm}
        </button>
      </footer>
    </>
  );
}

/** Who takes over: the best placed is proposed. */
function TargetChoice({ action, cluster, onAction }: Pick<Props, 'action' | 'cluster' | 'onAction'>) {
  if (action.kind !== 'switchover') return null;
  const fit = new Set(candidatesOf(cluster).map(({ id }) => id));
  const others = cluster.instances.filter(({ id }) => id !== cluster.writer || id === action.to);
  return (
    <fieldset class="targets">
      <legend>Who takes over</legend>
      {others.map(({ id, lag_seconds: lag, zone, promotion_tier: tier }) => (
        <label key={id} class={fit.has(id) ? '' : 'is-unfit'}>
          <input
            type="radio"
            name="target"
            checked={action.to === id}
            onChange={() => onAction({ kind: 'switchover', cluster: cluster.name, to: id })}
          />
          <strong>{id}</strong>
          <span class="muted small">
            {formatLag(lag)} behind{zone === null ? '' : `, zone ${zone}`}, tier {tier}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function FailoverChoices({ action, cluster, onAction }: Pick<Props, 'action' | 'cluster' | 'onAction'>) {
  if (action.kind !== 'failover') return null;
  const [best] = candidatesOf(cluster);
  const canSwitch = cluster.phase === 'stable' && cluster.writer !== null && best !== undefined;
  return (
    <div class="choices">
      {canSwitch && (
        <button
          type="button"
          onClick={() => onAction({ kind: 'switchover', cluster: cluster.name, to: best.id })}
        >
          <Icon name="swap" /> Switch over to {best.id} instead…
        </button>
      )}
      <label>
        <input
          type="checkbox"
          checked={action.force}
          onChange={({ currentTarget }) => onAction({ ...action, force: currentTarget.checked })}
        />
        promote whoever answers, at whatever loss
      </label>
    </div>
  );
}

function Rehearsal({ action, rehearsal }: { readonly action: Action; readonly rehearsal: Answer | null }) {
  if (action.kind !== 'switchover' || action.to === null) return null;
  if (rehearsal === null) return <p class="verdict">Asking whether it can be done now …</p>;
  const isGood = rehearsal.kind === 'done';
  return (
    <p class={`verdict level-${isGood ? 'ok' : 'bad'}`} role="status">
      <Icon name={isGood ? 'check' : 'warning'} />
      {isGood ? 'It can be done now.' : messageOf(rehearsal)}
    </p>
  );
}

const messageOf = (answer: Answer): string =>
  answer.kind === 'token' ? 'The token is needed.' : answer.message;

function TokenForm({
  isWrong,
  onToken,
}: {
  readonly isWrong: boolean;
  readonly onToken: (token: string) => void;
}) {
  const [token, setToken] = useState('');
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        if (token.trim() !== '') onToken(token);
      }}
    >
      <p>
        <Icon name="lock" />{' '}
        {isWrong ? 'That is not the token.' : 'Whatever changes something needs the token'} of{' '}
        <code>admin.token</code>. It is kept in this page only, and forgotten when the page is closed.
      </p>
      <label>
        Token
        <input
          type="password"
          autocomplete="off"
          autofocus
          value={token}
          aria-invalid={isWrong}
          onInput={({ currentTarget }) => setToken(currentTarget.value)}
        />
      </label>
      <footer>
        <button type="submit" class="primary" disabled={token.trim() === ''}>
          Go on
        </button>
      </footer>
    </form>
  );
}

function Ended({ answer, onClose }: { readonly answer: Answer; readonly onClose: () => void }) {
  const isGood = answer.kind === 'done';
  return (
    <>
      <p class={`verdict level-${isGood ? 'ok' : 'bad'} is-large`} role="status">
        <Icon name={isGood ? 'check' : 'warning'} size={20} />
        <span>{messageOf(answer)}</span>
      </p>
      <footer>
        <button type="button" class="primary" onClick={onClose}>
          Close
        </button>
      </footer>
    </>
  );
}
