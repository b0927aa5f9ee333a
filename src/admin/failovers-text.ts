import { formatDuration } from '../base/duration.ts';
import type { FailoverJson } from './api.ts';

/** What `aurelay failovers` prints: a paragraph each, the newest first. */
export function failoversText(failovers: readonly FailoverJson[]): string {
  if (failovers.length === 0) return 'no change of the writer is on record\n';
  return `${failovers.map((one) => lines(one).join('\n')).join('\n\n')}\n`;
}

function lines(one: FailoverJson): string[] {
  const { at, kind, outcome, epoch, from, to, reason, refused, sessions_closed, attempts } = one;
  const head = `${at}  epoch ${epoch}  ${kind} ${outcome}  ${from ?? 'nobody'} -> ${to}  ${formatDuration(one.duration_ms)}`;
  const phases = one.timeline
    .map(({ phase, after_ms }) => `${phase} +${formatDuration(after_ms)}`)
    .join(', ');
  const waited =
    one.held.connections === 0
      ? 'none held'
      : `${one.held.connections} held for up to ${formatDuration(one.held.longest_wait_ms)}`;
  return [
    head,
    ...(reason === null ? [] : [`  why        ${reason}`]),
    `  phases     ${phases}`,
    `  position   ${one.from_position ?? 'unknown'} -> ${one.to_position ?? 'unknown'}`,
    `  lost       ${lossText(one)} (durability ${durabilityText(one)})`,
    `  sessions   ${sessions_closed} closed, ${waited}; promotions tried ${attempts}`,
    ...one.discarded.map(
      (gone) =>
        `  discarded  ${gone.instance} was at ${gone.position ?? 'an unknown position'}, the writer at ${gone.writer_position ?? 'an unknown one'}: ${gone.lost === null ? 'an unknown part' : `${gone.lost.amount} ${gone.lost.unit}`} thrown away on ${gone.at}`,
    ),
    ...refused.map(({ instance, why }) => `  refused    ${instance}: ${why}`),
  ];
}

const durabilityText = ({ durability, quorum }: FailoverJson): string =>
  quorum === null
    ? durability
    : `${durability}, ${quorum.write_quorum} of ${quorum.copies}${quorum.answered === null ? '' : `, ${quorum.answered} answered`}`;

function lossText({ lost, kind, outcome, durability }: FailoverJson): string {
  if (outcome === 'undone' || kind === 'elected') return 'nothing';
  if (durability === 'quorum' && outcome === 'completed' && kind === 'failover')
    return 'nothing that a client was told of';
  if (lost === null) return 'unknown';
  const amount = `${lost.amount} ${lost.unit}`;
  return lost.at_least
    ? `at least ${amount}: what is known to be missing of what the old writer was last seen with`
    : amount;
}
