// What a viewer sees of a stream that is there, of one that is not, and of one that comes and goes.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { rung, Server, until } from './server.js';
import { DESKTOP, launch, NOTHING, PHONE, Viewer } from './viewer.js';

describe('the page', { timeout: 300_000 }, () => {
  let server;
  let browser;
  before(async () => {
    server = await Server.start();
    await server.change((settings) => settings.video.variants.push(rung('low', 180, 200)));
    browser = await launch();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  it('starts by itself when somebody goes on air, ends with them, and starts again', async () => {
    const viewer = await Viewer.open(browser, server.page);
    const loaded = await viewer.loadedAt();
    assert.equal(await viewer.page.title(), 'Harbour');
    await viewer.page.getByText('The next tide is at nine.').waitFor();
    assert.equal((await viewer.sample()).state, 'offline');

    await server.publish();
    await viewer.plays();
    await viewer.playsOn(8);
    assert.deepEqual(await viewer.complaintList(), NOTHING);

    await viewer.looksAway();
    await server.write(({ instance }) => (instance.offlineMessage = 'Low water until noon.'));
    await server.unpublish();
    await viewer.page.getByText('Low water until noon.').waitFor({ timeout: 30_000 });
    assert.equal((await viewer.sample()).state, 'offline');
    await server.write(({ instance }) => (instance.offlineMessage = 'The next tide is at nine.'));
    await viewer.page.getByText('The next tide is at nine.').waitFor({ timeout: 2000 });

    await server.publish();
    await viewer.plays();
    await viewer.playsOn(4);
    assert.deepEqual(await viewer.complaintList(), NOTHING);
    assert.equal(await viewer.loadedAt(), loaded, 'the page was loaded again');
  });

  it('has what can be done beside the name, however long that is', async () => {
    if ((await server.broadcast()) === null) await server.publish();
    const { name, nsfw } = server.settings.instance;
    await server.change(({ instance }) => Object.assign(instance, { name: 'Universität Kleinstadt, Hörsaal im Neubau', nsfw: true }));
    for (const width of [1440, 1024, 768, 390, 320]) {
      const viewer = await Viewer.open(browser, server.page, { viewport: { width, height: 900 } });
      await viewer.page.locator('.badge').waitFor();
      const at = await viewer.page.evaluate(() => {
        const box = (name) => document.querySelector(name).getBoundingClientRect();
        const [title, words, share] = ['.title', '.title-words', '.share'].map(box);
        return { isBeside: share.left >= words.right && share.top >= title.top - 1 && share.bottom <= title.bottom + 1, right: title.right - share.right };
      });
      assert.ok(at.isBeside && Math.abs(at.right) < 1, `${width}: ${JSON.stringify(at)}`);
      assert.equal(await viewer.overhang(), 0);
      await viewer.close();
    }
    await server.change(({ instance }) => Object.assign(instance, { name, nsfw }));
  });

  it('says how playback goes while it plays, and nothing while it is paused', async () => {
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    const [first] = await until('a report', 30_000, () => viewer.said.length > 0 && viewer.said);
    assert.deepEqual(Object.keys(first), ['kind', 'stalls', 'switches', 'cmcd']);
    assert.equal(first.kind, 'playback');
    const { stalls, switches, cmcd } = first;
    for (const number of [stalls, switches, ...Object.values(cmcd)]) {
      assert.ok(Number.isInteger(number) && number >= 0, JSON.stringify(first));
    }
    // Nothing in it says who they are, or what they watched.
    assert.deepEqual(Object.keys(cmcd).filter((key) => !['ltc', 'mtp', 'ttlb'].includes(key)), []);

    await viewer.looksAway();
    await viewer.page.evaluate(() => document.querySelector('video[data-active="true"]').pause());
    const said = viewer.said.length;
    // One report may have been on its way. Another ten seconds are over when the clock of the page says so.
    await viewer.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 21_000)));
    assert.ok(viewer.said.length <= said + 1, `${viewer.said.length - said} reports of a viewer who paused`);
  });

  it('is complete before any script runs', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(server.page);
    await page.getByRole('heading', { name: 'Harbour' }).waitFor();
    await page.getByText('Ships coming and going, live.').waitFor();
    await page.getByRole('link', { name: 'mastodon' }).waitFor();
  });

  it('has no barriers while nobody is on air', async () => {
    await server.unpublish();
    for (const device of [DESKTOP, { ...DESKTOP, colorScheme: 'light' }, PHONE]) {
      const viewer = await Viewer.open(browser, server.page, device);
      await viewer.page.getByText('The next tide is at nine.').waitFor();
      assert.deepEqual(await viewer.barriers(), []);
      assert.deepEqual(await viewer.complaintList(), NOTHING);
      await viewer.close();
    }
  });

  describe('of a stream', () => {
    before(() => server.publish());
    after(() => server.unpublish());

    it('has no barriers', async () => {
      for (const device of [DESKTOP, { ...DESKTOP, colorScheme: 'light' }, PHONE]) {
        const viewer = await Viewer.open(browser, server.page, device);
        await viewer.plays();
        assert.deepEqual(await viewer.openQualityMenu(), ['Auto', 'source', 'low']);
        assert.deepEqual(await viewer.barriers(), []);
        await viewer.page.keyboard.press('Escape');
        assert.deepEqual(await viewer.barriers(), []);
        await viewer.close();
      }
    });

    it('plays on a phone, and nothing is wider than its screen', async () => {
      const viewer = await Viewer.open(browser, server.page, PHONE);
      await viewer.plays();
      await viewer.playsOn(4);
      const widths = await viewer.page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      assert.ok(widths[0] <= widths[1], `the page is ${widths[0]} wide on a screen of ${widths[1]}`);
      await viewer.page.setViewportSize({ width: 320, height: 640 });
      const narrow = await viewer.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(narrow <= 320, `the page is ${narrow} wide on a screen of 320`);
      assert.deepEqual(await viewer.complaintList(), NOTHING);
    });

    it('lets the viewer choose a quality by mouse and by keyboard', async () => {
      const viewer = await Viewer.open(browser, server.page);
      await viewer.plays();
      assert.deepEqual(await viewer.openQualityMenu(), ['Auto', 'source', 'low']);
      await viewer.page.getByRole('menuitemradio', { name: /^low/ }).click();
      await until('the low picture', 20_000, async () => (await viewer.sample()).width === 320);
      assert.equal((await viewer.sample()).choice, 'low');

      // Focus is back on the button, so the keyboard goes on from there.
      await viewer.page.keyboard.press('Enter');
      await viewer.page.locator('[role=menuitemradio][aria-checked=true]:focus').waitFor();
      await viewer.page.keyboard.press('Home');
      await viewer.page.keyboard.press('ArrowDown');
      await viewer.page.keyboard.press('Enter');
      await until('the source picture', 20_000, async () => (await viewer.sample()).width === 640);
      assert.equal((await viewer.sample()).choice, 'source');

      await viewer.page.keyboard.press('Enter');
      await viewer.page.getByRole('menu').waitFor();
      await viewer.page.keyboard.press('Escape');
      await viewer.page.getByRole('menu').waitFor({ state: 'detached' });
      assert.deepEqual(await viewer.complaintList(), NOTHING);
    });

    it('plays without sound for a stranger, whose browser asks for a click first', async () => {
      const cautious = await launch({ isStranger: true });
      try {
        const page = await cautious.newPage();
        // Whatever a test evaluates in a page counts as a click there, so the page has to tell by itself.
        await page.addInitScript(() => {
          const timer = setInterval(() => {
            const video = document.querySelector('video[data-active="true"]');
            if (!document.querySelector('.unmute') || !(video.currentTime > 1)) return;
            clearInterval(timer);
            console.info(`silent: ${video.muted}`);
          }, 100);
        });
        const told = page.waitForEvent('console', { predicate: (line) => line.type() === 'info', timeout: 20_000 });
        await page.goto(server.page);
        assert.equal((await told).text(), 'silent: true');
        await page.getByRole('button', { name: 'Unmute' }).first().click();
        assert.equal(await page.locator('video[data-active="true"]').evaluate((video) => video.muted), false);
      } finally {
        await cautious.close();
      }
    });
  });
});
