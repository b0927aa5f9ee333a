import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';

/** The page and what it is made of, in memory: a few files of a known size. */
export interface Dashboard {
  readonly files: ReadonlyMap<string, DashboardFile>;
  /** Changes with every change of the page; null: it was not built. */
  readonly build: string | null;
}

interface DashboardFile {
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
};

const builtFolder = new URL('../../dashboard/build/', import.meta.url).pathname;
const page = 'index.html';

/** Nothing from elsewhere, nothing inline, no frame around it: what was injected would not run. */
export const dashboardPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const notBuilt =
  'The dashboard is not built: run `npm run build` in the folder of Aurelay and start it again; the API works without it.\n';

/** What `dashboard/build.mjs` has left in `folder`; empty where it has not run. */
export function loadDashboard(folder: string = builtFolder): Dashboard {
  const files = new Map<string, DashboardFile>();
  for (const name of namesIn(folder)) {
    const type = types[extname(name)];
    if (type === undefined) continue;
    const body = new Uint8Array(readFileSync(join(folder, name)));
    files.set(name, { type, body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` });
  }
  return { files, build: files.get(page)?.etag.slice(1, 13) ?? null };
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** `/` for browsers, and `/dashboard/…`; programs get `index` at `/`. */
export function addDashboard(
  app: Hono<{ Bindings: HttpBindings }>,
  { files }: Dashboard,
  index: object,
): void {
  app.get('/', (c) => {
    c.header('vary', 'accept');
    if (!wantsPage(c.req.header('accept'))) return c.json(index);
    const file = files.get(page);
    if (file === undefined) return c.text(notBuilt, 503);
    return answer(c, file, 'no-cache');
  });
  app.get('/dashboard/:name', (c) => {
    const file = files.get(c.req.param('name'));
    if (file === undefined) return c.notFound();
    // Names carry a hash of what is in them, all but the licences'.
    return answer(c, file, 'public, max-age=31536000, immutable');
  });
}

/** Browsers name HTML; curl and programs take anything, or JSON. */
const wantsPage = (accept: string | undefined): boolean => /\btext\/html\b/i.test(accept ?? '');

function answer(c: Context, file: DashboardFile, caching: string): Response {
  c.header('cache-control', caching);
  c.header('etag', file.etag);
  c.header('content-security-policy', dashboardPolicy);
  if (c.req.header('if-none-match') === file.etag) return c.body(null, 304);
  return c.body(file.body, 200, { 'content-type': file.type });
}
