import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Browser } from 'playwright-core';
import { clusterId, epoch, instanceId } from '../../src/base/brand.ts';
import {
  clusterConfig,
  clusterView,
  type FakeControls,
  fakeControls,
  instanceView,
} from '../admin/fake-controls.ts';
import { runAdmin } from '../admin/running-admin.ts';
import { browserMissing, openPage, startBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { scopeOf } from '../support/scope.ts';

/** The page in a browser, before a cluster that is made up: what a real one shows seldom, or not when it is asked to. */
const isBuilt = existsSync(new URL('../../dashboard/build/index.html', import.meta.url));
const skip = browserMissing() || (isBuilt ? false : 'the dashboard is not built: npm run build:dashboard');

describe('the page', { skip, timeout: 120_000 }, () => {
  const scope = scopeOf({ after });
  let browser: Browser;
  before(async () => {
    browser = await startBrowser(scope);
  });

  async function show(t: TestContext, controls: FakeControls, token: string | null = null, options = {}) {
    const { url } = await runAdmin(t, controls, { token: () => token });
    const watched = await openPage(browser, url, options);
    t.after(() => watched.page.context().close());
    await watched.page.goto(url);
    await watched.page.waitForSelector('.cluster');
    return watched;
  }

  it('asks for the token where the API wants it, keeps it for the page, and shows it nowhere', async (t) => {
    const controls = fakeControls();
    const { page, sins } = await show(t, controls, 'open-sesame');
    const urls: string[] = [];
    page.on('request', (request) => urls.push(request.url()));
    await page.getByRole('button', { name: 'Switch over' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('radio', { name: 'orders-2' }).click();
    const field = dialog.getByLabel('Token');
    await field.fill('wrong');
    await dialog.getByRole('button', { name: 'Go on' }).click();
    await dialog.getByText('That is not the token.').waitFor();
    await field.fill('open-sesame');
    await field.press('Enter');
    await dialog.getByText('It can be done now.').waitFor();
    await dialog.getByRole('button', { name: 'Make orders-2 the writer' }).click();
    await dialog.getByText('done', { exact: true }).waitFor();
    assert.deepEqual(controls.commands, [
      'switchover orders orders-2 (dry run)',
      'switchover orders orders-2',
    ]);
    assert.ok(urls.length > 0 && urls.every((url) => !url.includes('sesame')));
    const kept = await page.evaluate<string>(
      'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])',
    );
    assert.doesNotMatch(kept, /sesame/);
    assert.deepEqual(sins, []);
  });

  it('shows what the API said where it refuses, and does not offer it', async (t) => {
    const controls = fakeControls();
    controls.answer = async () => ({ ok: false, kind: 'conflict', message: 'orders-2 lags by 40 s' });
    const { page } = await show(t, controls);
    await page.locator('[data-instance="orders-2"]').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Make it the writer' }).click();
    await page.getByRole('dialog').getByText('orders-2 lags by 40 s').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Make orders-2 the writer' }).isDisabled());
  });

  it('offers no promotion in mode observe, and says why', async (t) => {
    const controls = fakeControls();
    const id = clusterId('orders');
    const config = controls.config(id);
    controls.configs.set(id, { ...config, failover: { ...config.failover, mode: 'observe' } });
    const { page } = await show(t, controls);
    await page.getByText('observe: promoted elsewhere').waitFor();
    assert.equal(await page.getByRole('button', { name: /Switch over|Fail over/ }).count(), 0);
    await page.locator('[data-instance="orders-2"]').click();
    assert.equal(await page.getByRole('button', { name: 'Make it the writer' }).count(), 0);
    assert.equal(await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).count(), 1);
  });

  it('can be used with the keyboard alone, and gives the focus back', async (t) => {
    const controls = fakeControls();
    const { page } = await show(t, controls);
    const failOver = page.getByRole('button', { name: 'Fail over' });
    await failOver.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Fail orders over' }).waitFor();
    const inDialog = "document.querySelector('dialog').contains(document.activeElement)";
    for (let press = 0; press < 12; press += 1) await page.keyboard.press('Tab');
    assert.ok(
      (await page.evaluate<boolean>(inDialog)) ||
        (await page.evaluate<boolean>('document.activeElement === document.body')),
      'the focus does not go behind the dialog',
    );
    await page.keyboard.press('Escape');
    await eventually('the dialog is closed', async () => (await page.getByRole('dialog').count()) === 0);
    assert.ok(await failOver.evaluate((element) => element.ownerDocument.activeElement === element));
    assert.deepEqual(controls.commands, []);
  });

  it('tells a trouble at once, in the picture, in the tab and to those who do not see it', async (t) => {
    const controls = fakeControls();
    const { page } = await show(t, controls);
    const icon = () => page.locator('#icon').getAttribute('href');
    const calm = await icon();
    controls.held.set('writer', 7);
    controls.change('orders', {
      writer: null,
      phase: 'operator-required',
      reason: 'two servers take writes',
    });
    await page.getByText('An operator is needed').first().waitFor();
    await page.getByText('two servers take writes').waitFor();
    assert.match(await page.title(), /^! orders: An operator is needed/);
    assert.notEqual(await icon(), calm);
    assert.equal(await page.locator('[role=status].unseen').innerText(), 'orders has no writer');
    await page.locator('.endpoint').getByText('7 waiting').waitFor();
    controls.change('orders', {
      writer: instanceId('orders-3'),
      epoch: epoch(8),
      phase: 'stable',
      reason: null,
    });
    await page.waitForSelector('[data-writer="orders-3"]');
    assert.equal(
      await page.locator('[role=status].unseen').innerText(),
      'The writer of orders is now orders-3',
    );
  });

  it('has room for 16 instances, and on a phone', async (t) => {
    const ids = Array.from({ length: 16 }, (_, at) => instanceId(`orders-${at + 1}`));
    const controls = fakeControls('orders', 16).add(clusterConfig('shop', 2), clusterView('shop', 2));
    const views = ids.map(
      (id, at) => [id, instanceView(id, at, at === 9 ? { health: 'down', role: null } : {})] as const,
    );
    controls.change('orders', { instances: new Map(views) });
    const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
    for (const options of [{}, phone]) {
      const { page, sins } = await show(t, controls, null, options);
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      assert.ok((await page.evaluate<number>(overflow)) <= 0);
      const boxes = await Promise.all(ids.map((id) => page.locator(`[data-instance="${id}"]`).boundingBox()));
      for (const [at, box] of boxes.entries()) {
        const next = boxes[at + 1];
        assert.ok(box !== null && box.height >= 40 && box.width >= 150, `${ids[at]} has room`);
        if (next !== null && next !== undefined)
          assert.ok(box.y + box.height <= next.y, 'cards do not overlap');
      }
      assert.match(await page.locator('[data-instance="orders-10"]').innerText(), /down/);
      assert.deepEqual(sins, []);
    }
  });

  it('keeps the colours that somebody chose', async (t) => {
    const { page } = await show(t, fakeControls());
    const theme = () => page.evaluate<string | null>("document.documentElement.getAttribute('data-theme')");
    const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await page.getByRole('button', { name: /^Colours/ }).click();
    assert.equal(await theme(), 'light');
    await page.getByRole('button', { name: /^Colours/ }).click();
    assert.equal(await theme(), 'dark');
    assert.notEqual(await ground(), light);
    await page.reload();
    await page.waitForSelector('.cluster');
    assert.equal(await theme(), 'dark');
    await page.getByRole('button', { name: /^Colours/ }).click();
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme });
      await eventually(`it is ${colorScheme}, as the system is`, async () => (await theme()) === colorScheme);
    }
    assert.equal(await ground(), light);
  });
});
