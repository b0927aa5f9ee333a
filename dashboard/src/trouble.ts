import type { ClusterJson, InstanceJson } from '../../src/admin/api.ts';
import { counted, listed } from './format.ts';

/**
 * `ok` nothing to do · `notice` it works, and something is not as it should be · `busy` the writer is changing, or being
 * looked for · `bad` clients are harmed, or somebody has to act.
 */
export type Level = 'ok' | 'notice' | 'busy' | 'bad';

export interface Condition {
  readonly level: Level;
  /** A few words. */
  readonly headline: string;
  /** Sentences, the gravest first. */
  readonly details: readonly string[];
}

const phaseWords: Readonly<Record<string, readonly [Level, string]>> = {
  starting: ['busy', 'Looking for the writer'],
  suspect: ['busy', 'The writer does not answer'],
  'cut-off': ['bad', 'The writer is silent towards Aurelay, but replicas still hear it'],
  fencing: ['busy', 'Changing the writer: the old one is shut out'],
  promoting: ['busy', 'Changing the writer: the new one is promoted'],
  verifying: ['busy', 'Changing the writer: the new one is checked'],
  'operator-required': ['bad', 'An operator is needed'],
};

/** How a cluster is, in one level and a few words. */
export function conditionOf(cluster: ClusterJson): Condition {
  const shut = cluster.endpoints.filter(({ listening }) => !listening);
  const details = [
    ...(cluster.reason === null ? [] : [sentence(cluster.reason)]),
    ...shut.map(
      ({ name, listen, listen_error: why }) =>
        `Endpoint ${name} does not listen on ${listen}${why === null ? '' : `: ${why}`}.`,
    ),
    ...quorumWords(cluster),
  ];
  const inPhase = phaseWords[cluster.phase];
  if (cluster.phase !== 'stable') {
    const [level, headline] = inPhase ?? ['busy', cluster.phase];
    return { level, headline, details };
  }
  if (cluster.writer === null) return { level: 'bad', headline: 'There is no writer', details };
  if (shut.length > 0) {
    return {
      level: 'bad',
      headline: `${counted(shut.length, 'endpoint')} ${shut.length === 1 ? 'does' : 'do'} not listen`,
      details,
    };
  }
  const quorum = quorumLevel(cluster);
  if (quorum !== null) return { ...quorum, details };
  const unwell = cluster.instances.filter((instance) => isUnwell(instance, cluster));
  if (unwell.length > 0) {
    return { level: 'notice', headline: unwellWords(unwell), details };
  }
  return { level: 'ok', headline: 'All is well', details };
}

function quorumLevel({ durability }: ClusterJson): Pick<Condition, 'level' | 'headline'> | null {
  if (durability.mode === 'async') return null;
  switch (durability.state) {
    case 'secured':
      return null;
    case 'securing':
      return { level: 'notice', headline: 'Commits are not secured yet' };
    case 'degraded':
      return { level: 'bad', headline: 'Commits go on unprotected' };
    case 'lost':
      return { level: 'bad', headline: 'Commits wait: too few copies acknowledge' };
  }
}

function quorumWords({ durability }: ClusterJson): string[] {
  if (durability.mode === 'async' || durability.state === 'secured') return [];
  const there = durability.acknowledging ?? 0;
  return [
    `${there} of ${counted(durability.copies, 'copy', 'copies')} acknowledge, ${durability.write_quorum} have to.`,
  ];
}

/** The state of the write quorum in a few words; null where commits are not waited for. */
export function durabilityWords({ durability }: ClusterJson): string | null {
  if (durability.mode === 'async') return null;
  const { state, write_quorum: quorum, copies, acknowledging } = durability;
  const words = {
    secured: 'secured',
    securing: 'being secured',
    lost: 'lost',
    degraded: 'degraded',
  } as const;
  return `${quorum} of ${copies} copies, ${words[state]}${state === 'secured' ? '' : ` (${acknowledging ?? 0} there)`}`;
}

export const isUnwell = (instance: InstanceJson, { writer }: ClusterJson): boolean =>
  instance.health !== 'healthy' ||
  instance.deposed ||
  instance.drained ||
  (!instance.replicating && instance.id !== writer);

/** What an instance is, in one word, the gravest first. */
export function stateWord(instance: InstanceJson, writer: string | null): string {
  if (instance.health === 'down') return 'down';
  if (instance.deposed) return 'deposed';
  if (instance.health === 'suspect') return 'suspect';
  if (instance.health === 'unknown') return 'not seen yet';
  if (instance.drained) return 'drained';
  if (!instance.replicating && instance.id !== writer) return 'not replicating';
  return 'healthy';
}

function unwellWords(unwell: readonly InstanceJson[]): string {
  const byState = new Map<string, string[]>();
  for (const instance of unwell) {
    const state = stateWord(instance, null);
    byState.set(state, [...(byState.get(state) ?? []), instance.id]);
  }
  return [...byState]
    .map(([state, ids]) =>
      ids.length > 3
        ? `${ids.length} instances are ${state}`
        : `${listed(ids)} ${ids.length === 1 ? 'is' : 'are'} ${state}`,
    )
    .join('; ');
}

/** Not with a capital: it may begin with an instance's id. */
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

const order: readonly Level[] = ['ok', 'notice', 'busy', 'bad'];

export const worst = (levels: readonly Level[]): Level =>
  levels.reduce<Level>((one, other) => (order.indexOf(other) > order.indexOf(one) ? other : one), 'ok');

/** The title of the page: trouble first, since tabs are narrow. */
export function titleOf(clusters: readonly ClusterJson[], isConnected: boolean): string {
  if (!isConnected) return '? not connected · Aurelay';
  const conditions = clusters.map((cluster) => [cluster, conditionOf(cluster)] as const);
  const level = worst(conditions.map(([, condition]) => condition.level));
  const [found] = conditions.filter(([, condition]) => condition.level === level);
  if (level === 'ok' || found === undefined) return 'Aurelay';
  const mark = { notice: '·', busy: '…', bad: '!' }[level];
  return `${mark} ${found[0].name}: ${found[1].headline} · Aurelay`;
}

/** The one line on top of the page. */
export function summaryOf(clusters: readonly ClusterJson[]): {
  readonly level: Level;
  readonly words: string;
} {
  if (clusters.length === 0) return { level: 'ok', words: 'No clusters are configured' };
  const conditions = clusters.map((cluster) => ({ name: cluster.name, ...conditionOf(cluster) }));
  const level = worst(conditions.map((condition) => condition.level));
  if (level === 'ok') return { level, words: 'All is well' };
  const concerned = conditions.filter((condition) => condition.level === level);
  const [only] = concerned;
  if (concerned.length > 1 || only === undefined) {
    const words = { notice: 'have something to look at', busy: 'change their writer', bad: 'need you' }[
      level
    ];
    return { level, words: `${concerned.length} clusters ${words}` };
  }
  return { level, words: clusters.length === 1 ? only.headline : `${only.name}: ${only.headline}` };
}
