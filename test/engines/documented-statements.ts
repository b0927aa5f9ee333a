import { readFile } from 'node:fs/promises';

/**
 * The SQL that docs/servers.md tells people to run, of the chapter whose title begins with `chapter`: a test that logs in
 * as the user it makes shows that nothing is missing there. `password` replaces each password.
 */
export async function documentedStatements(chapter: string, password: string): Promise<string[]> {
  const text = await readFile(new URL('../../docs/servers.md', import.meta.url), 'utf8');
  const found = text.split(/^## /m).find((part) => part.startsWith(chapter));
  if (found === undefined) throw new Error(`docs/servers.md has no chapter ${chapter}`);
  const blocks = [...found.matchAll(/^```sql\n(.*?)^```$/gms)].map(([, block = '']) => block);
  return blocks
    .flatMap((block) => block.replaceAll(/--.*$/gm, '').replaceAll('…', password).split(';'))
    .map((statement) => statement.trim().replaceAll(/\s+/g, ' '))
    .filter((statement) => statement !== '');
}
