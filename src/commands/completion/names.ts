import type { ClusterJson, InstanceJson } from '../../admin/api.ts';
import type { Candidate, Said } from './wanted.ts';

/** The clusters that a running Aurelay has; `--cluster` of an instance that was named: those that have it. */
export function clusterNames(clusters: readonly ClusterJson[], said: Said): readonly Candidate[] {
  const [instance] = takesInstance(said.command) ? said.arguments : [];
  return clusters
    .filter(({ instances }) => instance === undefined || instances.some(({ id }) => id === instance))
    .map(({ name, phase, writer }) => ({ value: name, description: `${phase}, writer ${writer ?? 'none'}` }));
}

/** The instances for which the command has something to do. */
export function instanceNames(clusters: readonly ClusterJson[], said: Said): readonly Candidate[] {
  const cluster = takesInstance(said.command) ? said.options.get('--cluster') : said.arguments[0];
  return clusters
    .filter(({ name }) => cluster === undefined || name === cluster)
    .flatMap(({ writer, instances }) =>
      instances.filter((instance) => isCandidate(instance, writer, said.command)).map(candidateOf),
    );
}

const takesInstance = (command: string): boolean => command === 'drain' || command === 'undrain';

function isCandidate({ id, drained }: InstanceJson, writer: string | null, command: string): boolean {
  if (command === 'switchover') return id !== writer;
  return !takesInstance(command) || drained === (command === 'undrain');
}

const candidateOf = ({ id, role, health, drained }: InstanceJson): Candidate => ({
  value: id,
  description: [role ?? 'no role', health, ...(drained ? ['drained'] : [])].join(', '),
});
