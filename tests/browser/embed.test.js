// The player in a frame of another site, as small as 320 by 180 pixels.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { rung, Server, until } from './server.js';
import { Site } from './site.js';
import { launch, Viewer } from './viewer.js';

describe('the player in another page', { timeout: 300_000 }, () => {
  let server;
  let site;
  let browser;
  before(async () => {
    [server, site] = await Promise.all([Server.start(), Site.start()]);
    await server.change((settings) => settings.video.variants.push(rung('low', 180, 200)));
    browser = await launch();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
  });
  after(async () => {
    await browser?.close();
    await site?.close();
    await server?.close();
  });

  /** Another site that shows `path` of the server in a frame of this size. */
  async function open(path, width, height) {
    const allow = 'autoplay; fullscreen; picture-in-picture';
    const address = `${server.page}${path}`;
    site.content = `<iframe src="${address}" title="Harbour" width="${width}" height="${height}" allow="${allow}"></iframe>`;
    const viewer = await Viewer.open(browser, `${site.address}holds`);
    const frame = await until('the frame', 5000, () => viewer.page.frames().find((one) => one.url() === address));
    return { viewer, frame };
  }

  const state = (frame) => frame.evaluate(() => document.documentElement.dataset.state);
  const seen = (frame) => frame.evaluate(() => window.__seen.violations);
  /** Whether everything of `selector` that is shown lies in the frame. */
  const fits = (frame, selector) =>
    frame.evaluate((all) => {
      const boxes = [...document.querySelectorAll(all)].map((one) => one.getBoundingClientRect());
      return boxes.every(({ left, top, right, bottom }) => left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight);
    }, selector);

  it('says that nobody is on air, in little room', async () => {
    for (const [width, height] of [[320, 180], [640, 360]]) {
      const { viewer, frame } = await open('embed/video', width, height);
      await frame.getByText('The next tide is at nine.').waitFor();
      assert.ok(await fits(frame, '.offline, .offline-message'), `at ${width}`);
      for (const colorScheme of ['light', 'dark']) {
        await viewer.page.emulateMedia({ colorScheme });
        assert.deepEqual(await viewer.barriers(), []);
      }
      assert.deepEqual(await seen(frame), []);
      await viewer.close();
    }
  });

  it('plays, with its controls in reach, and nothing around it', async () => {
    await server.publish();
    for (const [width, height] of [[320, 180], [640, 360]]) {
      const { viewer, frame } = await open('embed/video', width, height);
      await until('a moving picture', 20_000, async () => {
        const time = await frame.evaluate(() => document.querySelector('video[data-active="true"]')?.currentTime ?? 0);
        return (await state(frame)) === 'live' && time > 0.5;
      });
      assert.equal(await frame.locator('.about, .content, .theatre').count(), 0);
      await frame.locator('.player').hover();
      assert.ok(await fits(frame, '.stage, .control, .home'), `the controls at ${width}`);
      await frame.getByRole('button', { name: /^Quality/ }).click();
      assert.ok(await fits(frame, '.menu'), `the menu at ${width}`);
      assert.deepEqual(await viewer.barriers(), []);
      await frame.getByRole('menuitemradio', { name: /^low/ }).click();
      assert.equal(await frame.getByRole('link', { name: 'Harbour' }).getAttribute('target'), '_blank');
      assert.deepEqual(await seen(frame), []);
      await viewer.close();
    }
  });

  it('is silent at first where the other page asks for it', async () => {
    const { frame } = await open('embed/video?initiallyMuted=true', 640, 360);
    await until('a moving picture', 20_000, async () => (await state(frame)) === 'live');
    assert.equal(await frame.locator('video[data-active="true"]').evaluate(({ muted }) => muted), true);
    await frame.locator('.player').hover();
    await frame.getByRole('button', { name: 'Unmute' }).click();
    assert.equal(await frame.locator('video[data-active="true"]').evaluate(({ muted }) => muted), false);
  });

  it('is all of this server that another site may show', async () => {
    const embed = await fetch(`${server.page}embed/video`);
    assert.match(embed.headers.get('content-security-policy'), /frame-ancestors \*;/);
    assert.equal(embed.headers.get('x-frame-options'), null);
    const page = await fetch(server.page);
    assert.match(page.headers.get('content-security-policy'), /frame-ancestors 'self';/);
  });
});
