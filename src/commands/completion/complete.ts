import type { Command } from 'commander';
import { commandTree } from './command-tree.ts';
import { clusterNames, instanceNames } from './names.ts';
import {
  begun,
  type Candidate,
  type KnownWanted,
  type NamesWanted,
  type Said,
  type Wanted,
  wanted,
} from './wanted.ts';

/** Somebody waits with a finger on the key; without names there is still everything else. */
const timeoutMs = 800;

/**
 * What the shells' scripts ask at each press of Tab: a line for each candidate, a tab and its description behind it, and
 * last what kind it was: `:these`, `:files` or `:folders`. Silent on whatever goes wrong.
 */
export async function complete(program: Command, words: readonly string[]): Promise<void> {
  const answer = await named(wanted(commandTree(program), words)).catch(() => null);
  const candidates = answer?.kind === 'these' ? answer.candidates : [];
  const lines = [...candidates.map(lineOf), `:${answer?.kind ?? 'these'}`];
  process.stdout.write(`${lines.join('\n')}\n`);
}

const lineOf = ({ value, description }: Candidate): string => `${value}\t${description.replace(/\s+/g, ' ')}`;

async function named(what: Wanted): Promise<KnownWanted> {
  if (!isNames(what)) return what;
  const clusters = await askForClusters(what.said);
  const names = what.kind === 'clusters' ? clusterNames : instanceNames;
  return begun(names(clusters, what.said), what.before, what.begin);
}

const isNames = (what: Wanted): what is NamesWanted => what.kind === 'clusters' || what.kind === 'instances';

async function askForClusters({ options }: Said) {
  const [{ AdminClient }, { reachOf }] = await Promise.all([
    import('../../admin/client.ts'),
    import('../reach.ts'),
  ]);
  const { AURELAY_ADMIN: admin, AURELAY_CA: ca } = process.env;
  const reach = {
    ...(admin === undefined ? {} : { admin }),
    ...(ca === undefined ? {} : { ca }),
    ...Object.fromEntries(
      [...options].filter(([flag]) => reachFlags.has(flag)).map(([flag, value]) => [flag.slice(2), value]),
    ),
  };
  return new AdminClient({ ...reachOf(reach, {}), timeoutMs }).clusters();
}

/** Reading needs no token. */
const reachFlags = new Set(['--admin', '--config', '--ca']);
