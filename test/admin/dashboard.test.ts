import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadDashboard } from '../../src/admin/dashboard.ts';
import { fakeControls } from './fake-controls.ts';
import { runAdmin } from './running-admin.ts';

const timeout = 30_000;
const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

async function builtFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Aurelay</title>');
  await writeFile(join(folder, 'app-ABC.js'), 'void 0;');
  await writeFile(join(folder, 'app-ABC.js.map'), '{}');
  return folder;
}

test('browsers get the page, programs the list of what there is', { timeout }, async (t) => {
  const dashboardFolder = await builtFolder(t);
  const { url } = await runAdmin(t, fakeControls(), { dashboardFolder });
  const page = await fetch(url, { headers: html });
  assert.equal(page.status, 200);
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
  assert.match(await page.text(), /<title>Aurelay/);
  for (const headers of [{ accept: '*/*' }, { accept: 'application/json' }, {}]) {
    const list = await fetch(url, { headers });
    assert.match(list.headers.get('content-type') ?? '', /json/);
    assert.equal(list.headers.get('vary'), 'accept');
  }
});

test('the page may load nothing but itself, and is not framed', { timeout }, async (t) => {
  const dashboardFolder = await builtFolder(t);
  const { url } = await runAdmin(t, fakeControls(), { dashboardFolder });
  for (const path of ['/', '/dashboard/app-ABC.js']) {
    const { headers } = await fetch(url + path, { headers: html });
    assert.equal(
      headers.get('content-security-policy'),
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('x-frame-options'), 'DENY');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
  }
});

test('the page is asked for each time, what it loads is kept for ever', { timeout }, async (t) => {
  const dashboardFolder = await builtFolder(t);
  const { url } = await runAdmin(t, fakeControls(), { dashboardFolder });
  const page = await fetch(url, { headers: html });
  const etag = page.headers.get('etag') ?? '';
  assert.equal(page.headers.get('cache-control'), 'no-cache');
  const again = await fetch(url, { headers: { ...html, 'if-none-match': etag } });
  assert.equal(again.status, 304);
  const script = await fetch(`${url}/dashboard/app-ABC.js`);
  assert.equal(script.headers.get('content-type'), 'text/javascript; charset=utf-8');
  assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable');
  assert.equal(await script.text(), 'void 0;');
});

test('only what was built is served, under its own name', { timeout }, async (t) => {
  const dashboardFolder = await builtFolder(t);
  const { url } = await runAdmin(t, fakeControls(), { dashboardFolder });
  const names = ['app-XYZ.js', 'app-ABC.js.map', '..%2fpackage.json', '%2e%2e%2fpackage.json', '%00', ''];
  for (const name of names) assert.equal((await fetch(`${url}/dashboard/${name}`)).status, 404, name);
});

test('where the page was not built, it is said how to', { timeout }, async (t) => {
  const { url } = await runAdmin(t, fakeControls(), { dashboardFolder: '/nowhere' });
  const page = await fetch(url, { headers: html });
  assert.equal(page.status, 503);
  assert.match(await page.text(), /npm run build/);
  assert.equal((await fetch(url)).status, 200);
  assert.equal(loadDashboard('/nowhere').build, null);
});
