import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { Cleanup } from './servers.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const found = (): string | null => {
  const given = process.env.AURELAY_TEST_CHROMIUM;
  if (given !== undefined && given !== '') return isProgram(given) ? given : null;
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram) ?? null;
};

/** What `test(…, { skip }, …)` takes: false where there is a Chromium, else what to do. */
export function browserMissing(): false | string {
  if (found() !== null) return false;
  return 'no Chromium is found: install one (Debian: `apt-get install chromium`), or name it in AURELAY_TEST_CHROMIUM';
}

/** A headless Chromium that asks nobody anything by itself; gone after the test, with all that it kept. */
export async function startBrowser(t: Cleanup): Promise<Browser> {
  const executablePath = found();
  assert(executablePath !== null, 'skipped where there is none');
  // Chromium keeps what it must not leave behind in its home.
  const home = await mkdtemp(join(tmpdir(), 'aurelay-browser-'));
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    env: { PATH: process.env.PATH ?? '', HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Letters in shades of one colour: screenshots are the same everywhere, and small.
      '--disable-lcd-text',
    ],
  });
  t.after(async () => {
    await browser.close();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  });
  return browser;
}

/** A page, and whatever it did that a good page does not do. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors of scripts, violations of the policy, and requests to anywhere but `origin`. */
  readonly sins: string[];
}

/** What a busy machine may take; a page that hangs fails by itself. */
const pageTimeoutMs = 30_000;

/** A page of its own in a fresh profile, watched from its first byte on. */
export async function openPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(pageTimeoutMs);
  const sins: string[] = [];
  page.on('pageerror', (error) => sins.push(`threw: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    // A server that is away is told of by the browser itself, as is an answer that is an error.
    const isNetwork = /^Failed to load resource|net::ERR/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !isNetwork) sins.push(`said: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) sins.push(`asked for ${url}`);
  });
  await context.exposeFunction('tellViolation', (what: string) => sins.push(`violated: ${what}`));
  await page.addInitScript(`
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      window.tellViolation(violatedDirective + ' ' + blockedURI));
  `);
  return { page, sins };
}
