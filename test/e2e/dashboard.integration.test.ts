import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Browser, Locator, Page } from 'playwright-core';
import type { EmbeddedCluster } from '../../src/demo/cluster.ts';
import { processesIn, signalProcess } from '../../src/demo/running-server.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { browserMissing, openPage, startBrowser, type WatchedPage } from '../support/browser.ts';
import { connect, enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { type AurelayProcess, spawnAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';
import { smallPng } from '../support/small-png.ts';
import { WritingLoad } from '../support/writing-load.ts';

/**
 * The dashboard in a real browser, before a real cluster that a client writes to. `npm run screenshots` lets it run long
 * enough for charts, freezes a server as well, and writes the pictures of the docs.
 */
const wanted = process.env.AURELAY_SCREENSHOTS;
const root = fileURLToPath(new URL('../..', import.meta.url));
const minutesOfCharts = 1;

const [engine] = (await enginesUnderTest()).filter(({ cluster }) => cluster === 'pg');
assert(engine !== undefined);
const skip =
  engine.skip ||
  browserMissing() ||
  (existsSync(join(root, 'dashboard/build/index.html'))
    ? false
    : 'the dashboard is not built: npm run build:dashboard');

describe('the dashboard', { skip, timeout: 120_000 + (wanted === undefined ? 0 : 600_000) }, () => {
  const scope = scopeOf({ after });
  const [one, two, three] = [engine.id(1), engine.id(2), engine.id(3)];
  let cluster: EmbeddedCluster;
  let aurelay: AurelayProcess;
  let load: WritingLoad;
  let browser: Browser;
  let watched: WatchedPage;
  let pictures: string;

  before(async () => {
    cluster = await engine.start(scope, { replicas: 2 });
    aurelay = await spawnAurelay(scope, {
      cluster,
      instances: { [one]: { zone: 'a' }, [two]: { zone: 'b' }, [three]: { zone: 'c' } },
      endpoints: {
        writer: { type: 'writer' },
        reader: { type: 'reader', max_lag: '5s', slow_start: '0s' },
        reports: { type: 'custom', members: { static: [three] } },
      },
      ...(wanted === undefined ? {} : { health: { interval: '1s' } }),
    });
    load = await WritingLoad.start(scope, engine, aurelay.port('writer'));
    await occupy();
    browser = await startBrowser(scope);
    pictures = await pictureFolder();
    watched = await openPage(browser, aurelay.url);
    await watched.page.goto(aurelay.url);
    await writerShown(watched.page, one);
  });

  async function occupy(): Promise<void> {
    for (const [endpoint, sessions] of [
      ['writer', 9],
      ['reader', 16],
      ['reports', 3],
    ] as const) {
      await stay(endpoint, sessions);
    }
  }

  /** Sessions that do nothing until they are closed. */
  async function stay(endpoint: string, sessions: number): Promise<void> {
    assert(engine !== undefined);
    for (let number = 0; number < sessions; number += 1) {
      const client = await connect(engine, aurelay.port(endpoint));
      scope.after(() => client.close().catch(() => {}));
    }
  }

  async function pictureFolder(): Promise<string> {
    if (wanted !== undefined) {
      await mkdir(wanted, { recursive: true });
      return wanted;
    }
    const folder = await makeTempFolder();
    scope.after(() => folder.remove());
    return folder.path;
  }

  async function take(what: Page | Locator, name: string): Promise<void> {
    const path = join(pictures, `dashboard-${name}.png`);
    const png = smallPng(await what.screenshot({ animations: 'disabled' }));
    await writeFile(path, png);
    const size = png.length;
    assert.ok(size > 5_000 && size < 150_000, `${name} has ${size} bytes`);
  }

  const writerShown = (page: Page, id: string): Promise<unknown> =>
    page.waitForSelector(`[data-writer="${id}"]`, { timeout: 30_000 });

  it('shows who is where', async () => {
    const { page } = watched;
    assert.equal(await page.title(), 'Aurelay');
    const card = page.locator(`[data-instance="${one}"]`);
    assert.match(await card.innerText(), /Writer/);
    await eventually('the sessions are counted', async () => /\b10\b/.test(await card.innerText()));
    assert.match(await page.locator('.condition').innerText(), /All is well/);
    await page.getByText('writer.elected').waitFor();
    assert.equal(await page.locator('path.link.type-writer:not(.is-idle)').count(), 1);
  });

  it('switches over: says what will happen, does it, and shows the new writer within a second', async (t) => {
    const { page } = watched;
    await page.getByRole('button', { name: 'Switch over' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('radio', { name: two }).check();
    await dialog.getByText('It can be done now.').waitFor();
    const words = await dialog.innerText();
    assert.match(words, new RegExp(`${two} becomes the writer`));
    assert.match(words, new RegExp(`All 10 sessions on ${one} are closed`));
    await take(dialog, 'confirmation');

    await page.evaluate(`
      void (window.shownAt = new Promise((resolve) => {
        const look = () => {
          if (document.querySelector('[data-writer="${two}"]') !== null) resolve(Date.now());
        };
        new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
      }));
    `);
    await dialog.getByRole('button', { name: `Make ${two} the writer` }).click();
    const shownAt = await page.evaluate<number>('window.shownAt');
    const events = await aurelay.admin.recentEvents();
    const completed = events.find(({ name }) => name === 'failover.completed');
    assert.equal(completed?.details.to, two);
    const afterMs = shownAt - Date.parse(completed.at);
    t.diagnostic(`the new writer was shown ${afterMs} ms after it was one`);
    assert.ok(afterMs < 1_000, `the new writer was shown only after ${afterMs} ms`);

    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
    await dialog.waitFor({ state: 'hidden' });
    assert.match(await page.locator(`[data-instance="${two}"]`).innerText(), /Writer/);
    await page.getByText(`Switchover: ${one} → ${two}`).waitFor();
    await load.moreRows(20);
  });

  it('loses nothing of what the client was told', async () => {
    assert(engine !== undefined);
    const client = await connect(engine, aurelay.port('writer'));
    const told = new Set(load.acknowledged.map(({ id }) => id));
    const missing = await load.missing(client);
    assert.deepEqual(
      missing.filter((id) => told.has(id)),
      [],
    );
    await client.close();
  });

  it('shows the old writer until it is a replica again', async () => {
    const { page } = watched;
    const card = page.locator(`[data-instance="${one}"]`);
    await card.getByText('deposed').waitFor();
    await cluster.rejoin(one, { writer: two, isDiverged: false, signal: AbortSignal.timeout(60_000) });
    await page.locator('.condition').getByText('All is well').waitFor();
    await eventually('it is one of the readers', async () => (await aurelay.members('reader')).includes(one));
  });

  it('drains, says so, and puts back', async () => {
    const { page } = watched;
    const card = page.locator(`[data-instance="${three}"]`);
    await card.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
    await page.getByRole('dialog').getByText('reports has nobody else').waitFor();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: `Drain ${three}` })
      .click();
    await page.getByRole('dialog').getByRole('button', { name: 'Close', exact: true }).last().click();
    await card.getByText('drained').waitFor();
    await card.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Put it back' }).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: `Put ${three} back` })
      .click();
    await page.getByRole('dialog').getByRole('button', { name: 'Close', exact: true }).last().click();
    await eventually('it is not drained', async () => !/drained/.test(await card.innerText()));
  });

  it('says that it is not connected, and comes back by itself after a restart, with what it had', async () => {
    const { page } = watched;
    const switchedOver = page.getByText('switchover.started').first();
    await switchedOver.waitFor();
    aurelay.kill('SIGTERM');
    await aurelay.ended();
    const banner = page.getByRole('alert');
    assert.match(await banner.innerText(), /Not connected since \d\d:\d\d:\d\d; this is the last picture/);
    assert.match(await page.title(), /not connected/);
    assert.equal(await page.locator('.is-old').count(), 1);
    await aurelay.start();
    await banner.waitFor({ state: 'hidden', timeout: 30_000 });
    await writerShown(page, two);
    assert.equal(await page.locator('.is-old').count(), 0);
    assert.equal(await page.locator('.notice').count(), 0, 'it is the same page');
    assert.ok(await switchedOver.isVisible(), 'what happened before is still there');
    await eventually('events of the new process are there', async () => {
      const told = await page.locator('.event').filter({ hasText: 'writer.elected' }).count();
      return told + (await page.locator('.event').filter({ hasText: 'instance.up' }).count()) > 3;
    });
  });

  it('is the same in the dark and on a phone', async () => {
    const dark = await openPage(browser, aurelay.url, { colorScheme: 'dark' });
    await dark.page.goto(aurelay.url);
    await writerShown(dark.page, two);
    const phone = await openPage(browser, aurelay.url, {
      viewport: { width: 360, height: 780 },
      isMobile: true,
      hasTouch: true,
    });
    await phone.page.goto(aurelay.url);
    await writerShown(phone.page, two);
    const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    assert.ok((await phone.page.evaluate<number>(overflow)) <= 0, 'nothing is wider than the phone');
    if (wanted !== undefined) {
      await occupy();
      await eventually(
        'there is something in the charts',
        async () => {
          const history = await fetch(`${aurelay.url}/api/v1/history`);
          const { at_ms } = (await history.json()) as { at_ms: number[] };
          return at_ms.length > (minutesOfCharts * 60) / 5;
        },
        minutesOfCharts * 70_000,
      );
      for (const { page } of [watched, dark, phone]) {
        await page.getByRole('button', { name: '5 min', exact: true }).click();
        await page.mouse.move(0, 0);
      }
      await freeze();
    }
    await take(watched.page, 'light');
    await take(dark.page, 'dark');
    await take(phone.page, 'phone');
    const receipt = watched.page.locator('details.receipt').first();
    await receipt.locator('summary').click();
    await receipt.locator('.waterfall').waitFor();
    await receipt.scrollIntoViewIfNeeded();
    await take(receipt, 'receipt');
    assert.deepEqual([...dark.sins, ...phone.sins], []);
  });

  /** The writer freezes, and a picture is taken while it is replaced; then it is made a replica again. */
  async function freeze(): Promise<void> {
    const victim = cluster.instances.find(({ id }) => id === two);
    assert(victim !== undefined);
    const frozen = processesIn(victim.directory);
    for (const pid of frozen) signalProcess(pid, 'SIGSTOP');
    await watched.page.waitForSelector('.cluster.level-busy');
    void Promise.all([stay('writer', 5)]);
    await watched.page.locator('.endpoint').getByText('waiting').waitFor();
    await take(watched.page, 'failover');
    const writer = await eventually('another is the writer', async () => {
      const { phase, writer: found } = await aurelay.status();
      return phase === 'stable' && found !== null && found !== two && found;
    });
    for (const pid of frozen) signalProcess(pid, 'SIGKILL');
    await cluster.rejoin(two, { writer, isDiverged: true, signal: AbortSignal.timeout(60_000) });
    await stay('writer', 4);
    await stay('reader', 6);
    await watched.page.locator('.condition').getByText('All is well').waitFor();
    await watched.page.waitForTimeout(6_000);
  }

  it('has done nothing that a good page does not do', () => {
    assert.deepEqual(watched.sins, []);
  });
});
