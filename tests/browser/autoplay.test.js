// When the player starts by itself: always, only with sound, never; and that a change of it is about the next start.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Server, until } from './server.js';
import { launch, NOTHING, Viewer } from './viewer.js';

describe('a player', { timeout: 300_000 }, () => {
  let server;
  let browser;
  before(async () => {
    server = await Server.start();
    await server.publish();
    browser = await launch();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
  });
  after(async () => {
    await Promise.all([browser?.close(), server?.close()]);
  });

  const bigButton = (page) => page.locator('.big');
  /** What is declared already changes nothing, and nothing would come of waiting for it. */
  const set = async (autoplay) => {
    if (server.settings.instance.autoplay === autoplay) return;
    await server.change(({ instance }) => (instance.autoplay = autoplay));
  };

  it('that never starts by itself fetches nothing before it is pressed', async () => {
    await set('off');
    const viewer = await Viewer.open(browser, server.page);
    await bigButton(viewer.page).waitFor();
    assert.equal((await viewer.sample()).state, 'held');
    assert.deepEqual(await viewer.barriers(), []);
    // The page follows its settings meanwhile, and still does not start.
    await server.write(({ instance }) => Object.assign(instance, { name: 'Quay', autoplay: 'always' }));
    await viewer.page.getByRole('heading', { name: 'Quay' }).waitFor({ timeout: 5000 });
    assert.deepEqual([viewer.media, await bigButton(viewer.page).isVisible()], [[], true]);

    await bigButton(viewer.page).focus();
    await viewer.page.keyboard.press('Enter');
    await viewer.plays();
    assert.ok(viewer.media.length > 0);
    // The button that was pressed is gone; the keyboard goes on at the one that pauses.
    await viewer.page.locator('.control:focus').waitFor();
    assert.equal(await viewer.page.locator(':focus').getAttribute('aria-label'), 'Pause');
    await viewer.assertUndisturbed();
  });

  it('that plays goes on when it may no longer start by itself, and so does its next start', async () => {
    await set('always');
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    await set('off');
    await viewer.assertUndisturbed();
    await set('soundOnly');
    await viewer.assertUndisturbed();
    await set('off');
    const next = await Viewer.open(browser, server.page);
    await bigButton(next.page).waitFor();
    assert.deepEqual(next.media, []);

    // The stream ends and comes back: whoever pressed nothing has to press now.
    await viewer.looksAway();
    await server.unpublish();
    await viewer.page.locator('.stage-offline').waitFor({ timeout: 30_000 });
    await server.publish();
    await bigButton(viewer.page).waitFor();
    await bigButton(viewer.page).click();
    await viewer.plays();
    assert.deepEqual(await viewer.complaintList(), NOTHING);
  });

  it('that starts only with sound does so where the browser allows it', async () => {
    await set('soundOnly');
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    assert.equal(await viewer.page.locator('video[data-active="true"]').evaluate((video) => video.muted), false);
    await viewer.assertUndisturbed();
  });

  it('that starts only with sound waits where the browser wants a click first', async () => {
    await set('soundOnly');
    const cautious = await launch({ isStranger: true });
    try {
      const page = await cautious.newPage();
      const media = [];
      page.on('request', (request) => request.url().includes('/hls/') && media.push(request.url()));
      // Whatever a test evaluates in a page counts as a click there, so the page has to tell by itself.
      await page.addInitScript(() => {
        const timer = setInterval(() => {
          if (document.documentElement.dataset.state !== 'held' || document.querySelector('.big') === null) return;
          clearInterval(timer);
          console.info('waits');
        }, 100);
      });
      const told = page.waitForEvent('console', { predicate: (line) => line.type() === 'info', timeout: 20_000 });
      await page.goto(server.page);
      assert.equal((await told).text(), 'waits');
      assert.deepEqual(media, []);
      await bigButton(page).click();
      const video = page.locator('video[data-active="true"]');
      await until('a picture', 20_000, () => video.evaluate(({ currentTime }) => currentTime > 0.5));
      assert.equal(await video.evaluate(({ muted }) => muted), false);
    } finally {
      await cautious.close();
    }
  });
});
