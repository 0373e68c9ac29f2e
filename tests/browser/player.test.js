// What a viewer can do beside watching: keys and their help, theatre mode, captions, sharing; and what the page keeps
// of it for the next visit.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { rung, Server, until } from './server.js';
import { DESKTOP, launch, NOTHING, PHONE, Viewer } from './viewer.js';

describe('the player', { timeout: 300_000 }, () => {
  let server;
  let browser;
  before(async () => {
    server = await Server.start();
    await server.change((settings) => settings.video.variants.push(rung('low', 180, 200)));
    browser = await launch();
    await server.publish();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  const video = (viewer) => viewer.page.locator('video[data-active="true"]');
  const width = (viewer) => viewer.page.locator('.stage').evaluate((stage) => stage.getBoundingClientRect().width);

  it('is driven by keys, which the help explains', async () => {
    const viewer = await Viewer.open(browser, server.page);
    const { page } = viewer;
    await viewer.plays();
    await page.keyboard.press('m');
    assert.equal(await video(viewer).evaluate((picture) => picture.muted), true);
    await page.keyboard.press('m');
    await page.keyboard.press('ArrowDown');
    assert.equal(await video(viewer).evaluate((picture) => picture.volume), 0.95);
    await page.keyboard.press('f');
    await viewer.shows('the whole screen', () => document.fullscreenElement?.classList.contains('player') === true);
    await page.keyboard.press('f');
    await viewer.shows('the page', () => document.fullscreenElement === null);

    await page.getByRole('button', { name: 'Keyboard shortcuts' }).focus();
    await page.keyboard.press('?');
    const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await help.getByText('Jump to live').waitFor();
    assert.deepEqual(await viewer.barriers(), []);
    await page.keyboard.press('m');
    assert.equal(await video(viewer).evaluate((picture) => picture.muted), false, 'keys rest while the help is open');
    await help.getByLabel('Single letters are shortcuts').uncheck();
    await page.keyboard.press('Escape');
    await help.waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), 'Keyboard shortcuts');
    await page.keyboard.press('m');
    assert.equal(await video(viewer).evaluate((picture) => picture.muted), false, 'letters are no shortcuts any more');
    await viewer.assertUndisturbed(1);
  });

  it('takes the whole width beside the chat on request, also at the next visit, and not on a phone', async () => {
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    const withChat = async () => (await width(viewer)) + (await viewer.page.locator('aside.chat').evaluate((chat) => chat.getBoundingClientRect().width));
    assert.ok((await withChat()) < 1279);
    await viewer.page.keyboard.press('t');
    await until('the whole width', 2000, async () => Math.abs((await withChat()) - 1280) < 1);
    assert.equal(await viewer.overhang(), 0);
    assert.deepEqual(await viewer.barriers(), []);
    await viewer.page.getByRole('heading', { name: 'Harbour' }).waitFor();
    assert.ok(await viewer.page.getByRole('heading', { name: 'Harbour' }).evaluate((name) => name.getBoundingClientRect().bottom < innerHeight), 'the name is in sight');
    await viewer.page.reload();
    await viewer.plays();
    await until('the whole width again', 2000, async () => Math.abs((await withChat()) - 1280) < 1);
    await viewer.page.getByRole('button', { name: 'Theatre mode' }).click();
    await until('the page', 2000, async () => (await withChat()) < 1279);
    await viewer.page.setViewportSize({ width: 412, height: 800 });
    assert.equal(await viewer.page.getByRole('button', { name: 'Theatre mode' }).isVisible(), false);
    assert.deepEqual(await viewer.complaintList(), NOTHING);
  });

  it('remembers volume and quality, and does without where nothing may be stored', async () => {
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    await viewer.page.keyboard.press('ArrowDown');
    await viewer.openQualityMenu();
    await viewer.page.getByRole('menuitemradio', { name: /^low/ }).click();
    await viewer.page.reload();
    await viewer.plays();
    assert.equal((await viewer.sample()).choice, 'low');
    assert.equal(await video(viewer).evaluate((picture) => picture.volume), 0.95);
    await viewer.close();

    const locked = await Viewer.open(browser, server.page, DESKTOP, () => {
      Object.defineProperty(window, 'localStorage', {
        get() {
          throw new DOMException('denied', 'SecurityError');
        },
      });
    });
    await locked.plays();
    await locked.page.keyboard.press('ArrowDown');
    assert.equal(await video(locked).evaluate((picture) => picture.volume), 0.95);
    await locked.openQualityMenu();
    await locked.page.getByRole('menuitemradio', { name: /^low/ }).click();
    assert.equal((await locked.sample()).choice, 'low');
    assert.deepEqual(await locked.complaintList(), NOTHING);
  });

  it('offers captions when there are some, and shows those that were chosen', async () => {
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    assert.equal(await viewer.page.getByRole('button', { name: /^Captions/ }).count(), 0);
    // As hls.js and browsers add them: a text track of the element that plays.
    await video(viewer).evaluate((picture) => {
      for (const [label, language] of [['English', 'en'], ['', 'de']]) {
        const track = picture.addTextTrack('captions', label, language);
        track.mode = 'hidden';
        track.addCue(new VTTCue(0, 1e6, `${language}: a ship`));
        track.mode = 'disabled';
      }
    });
    const shown = () => video(viewer).evaluate(({ textTracks }) => [...textTracks].map(({ mode }) => mode).join());
    await viewer.page.getByRole('button', { name: 'Captions: Off' }).click();
    const items = viewer.page.getByRole('menuitemradio').locator('span:not(.menu-detail)');
    assert.deepEqual(await items.allTextContents(), ['Off', 'English', 'German']);
    assert.deepEqual(await viewer.barriers(), []);
    await viewer.page.getByRole('menuitemradio', { name: 'German' }).click();
    await until('German captions', 2000, async () => (await shown()) === 'disabled,showing');
    await viewer.page.keyboard.press('c');
    await until('no captions', 2000, async () => (await shown()) === 'disabled,disabled');
    await viewer.page.keyboard.press('c');
    await until('German captions again', 2000, async () => (await shown()) === 'disabled,showing');
    await viewer.assertUndisturbed(1);
  });

  it('jumps back to live after a step back', async () => {
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    await viewer.playsOn(8);
    await viewer.looksAway();
    await viewer.page.keyboard.press('k');
    await viewer.page.getByRole('button', { name: 'Live: jump to the live moment' }).waitFor();
    await viewer.page.getByRole('button', { name: 'Live: jump to the live moment' }).click();
    await viewer.page.getByRole('button', { name: 'Live: you are at the live moment' }).waitFor();
  });

  it('is shared by its address and by code for other pages', async () => {
    for (const device of [DESKTOP, PHONE]) {
      const viewer = await Viewer.open(browser, server.page, device);
      await viewer.context.grantPermissions(['clipboard-read', 'clipboard-write']);
      await viewer.plays();
      await viewer.page.getByRole('button', { name: 'Share' }).click();
      const dialog = viewer.page.getByRole('dialog', { name: 'Share' });
      assert.equal(await dialog.getByLabel('Address', { exact: true }).inputValue(), server.page);
      assert.deepEqual(await viewer.barriers(), []);
      await dialog.getByRole('button', { name: 'Copy: Player for your own page' }).click();
      await dialog.getByText('Player for your own page: copied').waitFor();
      const code = await viewer.page.evaluate(() => navigator.clipboard.readText());
      assert.ok(code.startsWith(`<iframe src="${server.page}embed/video" title="Harbour"`), code);
      await viewer.page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      assert.match(await viewer.page.evaluate(() => document.activeElement.className), /share/);
      assert.deepEqual(await viewer.complaintList(), NOTHING);
      await viewer.close();
    }
  });

  it('fits windows from 320 pixels to 4K, also with a name written from right to left', async () => {
    await server.change(({ instance }) => (instance.name = 'ميناء حيفا الحي'));
    for (const [wide, high] of [[320, 568], [568, 320], [1920, 1080], [3840, 2160]]) {
      const viewer = await Viewer.open(browser, server.page, { viewport: { width: wide, height: high } });
      await viewer.plays();
      assert.equal(await viewer.overhang(), 0, `at ${wide}`);
      const controls = viewer.page.locator('.controls');
      const inside = await controls.evaluate((all) => {
        const edge = all.getBoundingClientRect();
        return [...all.querySelectorAll('button')].every((button) => {
          const { left, right } = button.getBoundingClientRect();
          return left >= edge.left - 1 && right <= edge.right + 1;
        });
      });
      assert.ok(inside, `the controls fit at ${wide}`);
      assert.equal(await viewer.page.getByRole('heading', { level: 1 }).evaluate((name) => getComputedStyle(name).direction), 'rtl');
      assert.deepEqual(await viewer.barriers(), []);
      await viewer.close();
    }
    await server.change(({ instance }) => (instance.name = 'Harbour'));
  });

  it('stands still for those who asked for it', async () => {
    const viewer = await Viewer.open(browser, server.page, { ...DESKTOP, reducedMotion: 'reduce' });
    await viewer.plays();
    const moving = await viewer.page.evaluate(() => document.getAnimations().filter(({ effect }) => effect.getTiming().iterations === Infinity).length);
    assert.equal(moving, 0);
  });

  it('says when something was last on, also after a restart', async () => {
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    await viewer.looksAway();
    await server.unpublish();
    await viewer.page.getByText('Last live just now').waitFor({ timeout: 30_000 });
    assert.deepEqual(await viewer.barriers(), []);
    process.kill(await server.enginePid(), 'SIGKILL');
    await until('another engine', 20_000, async () => {
      const told = await fetch(`${server.page}api/page`).then((reply) => reply.json(), () => null);
      return typeof told?.lastLive === 'number';
    });
    const stranger = await browser.newContext({ javaScriptEnabled: false });
    const page = await stranger.newPage();
    await page.goto(server.page);
    await page.getByText(/Last live (just now|1 minute ago)/).waitFor();
  });
});
