import { useState } from 'preact/hooks';
import type { FailoverJson } from '../../src/admin/api.ts';
import { formatMs } from './format.ts';
import { Icon, type IconName } from './icon.tsx';
import { Moment } from './moment.tsx';
import { barsOf, factsOf, headlineOf, lossOf } from './waterfall.ts';

const kindIcons: Readonly<Record<FailoverJson['kind'], IconName>> = {
  elected: 'writer',
  adopted: 'writer',
  failover: 'bolt',
  switchover: 'swap',
};

const atFirst = 3;

/** What became of each change of the writer: its receipt, phase by phase. */
export function FailoverList({
  name,
  failovers,
}: {
  readonly name: string;
  readonly failovers: readonly FailoverJson[];
}) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? failovers : failovers.slice(0, atFirst);
  return (
    <section class="failovers" aria-label={`Changes of the writer of ${name}`}>
      <h3>Changes of the writer</h3>
      {failovers.length === 0 && <p class="muted">None is on record.</p>}
      {shown.map((record) => (
        <Receipt key={`${record.at} ${record.epoch}`} record={record} />
      ))}
      {failovers.length > shown.length && (
        <button type="button" class="quiet" onClick={() => setWhole(true)}>
          Show all {failovers.length}
        </button>
      )}
    </section>
  );
}

function Receipt({ record }: { readonly record: FailoverJson }) {
  const loss = lossOf(record);
  const isGood = record.outcome === 'completed';
  return (
    <details class={`receipt outcome-${record.outcome}`}>
      <summary>
        <Icon name="chevron" size={13} />
        <span class={`state level-${isGood ? 'ok' : 'bad'}`}>
          <Icon name={kindIcons[record.kind]} />
        </span>
        <strong class="grow">{headlineOf(record)}</strong>
        <span class="figure">{formatMs(record.duration_ms)}</span>
        <span class={`figure loss${loss.isGood ? '' : ' warn'}`}>{loss.words}</span>
        <span class="figure muted ago">
          <Moment at={record.at} />
        </span>
      </summary>
      <ol class="waterfall" aria-label="Phases">
        {barsOf(record).map(({ phase, words, afterMs, lengthMs, left, width }, index) => (
          <li key={`${phase} ${index}`}>
            <span class="words">{words}</span>
            <span class="track">
              <span class={`bar phase-${phase}`} style={{ left: `${left}%`, width: `${width}%` }} />
            </span>
            <span class="figure" title={`from ${formatMs(afterMs)} on`}>
              {formatMs(lengthMs)}
            </span>
          </li>
        ))}
      </ol>
      <dl class="receipt-facts">
        {factsOf(record).map(([label, value], index) => (
          <div key={`${label} ${index}`}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
