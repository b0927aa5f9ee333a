import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Guide, GuideSystem, Step } from './guide.ts';
import { readGuide } from './read-guide.ts';

const folder = join(import.meta.dirname, '../../docs/guides');
/** The list of them is no guide. */
const index = 'README';

/** Every page of docs/guides. */
export const allGuides = (): readonly Guide[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.md') && file !== `${index}.md`)
    .sort()
    .map((file) => {
      const name = file.slice(0, -'.md'.length);
      return readGuide(name, readFileSync(join(folder, file), 'utf8'));
    });

/** What is done for a guide on a fresh machine. */
export interface Walk {
  readonly system: GuideSystem;
  readonly stages: readonly Stage[];
}

/** The steps of one page. */
export interface Stage {
  readonly guide: string;
  readonly steps: readonly Step[];
}

/** A guide's steps after those of the guide in which it begins. Throws where there is no such place. */
export function walkOf(guide: Guide, guides: readonly Guide[], depth = 0): Walk {
  const { name, steps, beginsAt, system } = guide;
  const own = { guide: name, steps };
  if (beginsAt === null) return { system, stages: [own] };
  const before = guides.find((other) => other.name === beginsAt.guide);
  const at = before?.steps.findIndex((step) => step.kind === 'place' && step.name === beginsAt.place) ?? -1;
  if (before === undefined || at === -1 || depth > guides.length) {
    throw new Error(`${name}.md begins at ${beginsAt.guide}#${beginsAt.place}, which is no \`place\``);
  }
  const walk = walkOf({ ...before, steps: before.steps.slice(0, at) }, guides, depth + 1);
  return { ...walk, stages: [...walk.stages, own] };
}
