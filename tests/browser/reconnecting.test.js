// The publisher is lost and comes back, the engine dies and comes back: the page waits over the last picture, says so,
// and plays on in the same document.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { rung, Server, until } from './server.js';
import { DESKTOP, launch, NOTHING, PHONE, Viewer } from './viewer.js';

/** Milliseconds until a page says that it waits: the engine has to notice, and the buffer to run out. */
const SAID_WITHIN = 20_000;

/** Milliseconds until a page plays on: the publisher starts again, and so may the worker. */
const BACK_WITHIN = 40_000;

describe('a viewer whose stream is interrupted', { timeout: 400_000 }, () => {
  let server;
  let browser;
  before(async () => {
    server = await Server.start();
    await server.change(({ video, broadcast }) => {
      video.variants.push(rung('low', 180, 200));
      broadcast.graceSeconds = 120;
    });
    browser = await launch();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await server.unpublish();
  });
  after(async () => {
    await Promise.all([browser?.close(), server?.close()]);
  });

  const overlay = (viewer) => viewer.page.getByText('Reconnecting… the stream will continue');
  const badge = (viewer) => viewer.page.locator('.badge');

  /** The last picture stands, with words over it. */
  async function assertWaits(viewer) {
    await overlay(viewer).waitFor({ timeout: SAID_WITHIN });
    await until('the state', SAID_WITHIN, async () => (await viewer.sample()).state === 'reconnecting');
    assert.equal((await badge(viewer).innerText()).trim(), 'Reconnecting');
    assert.match(await viewer.page.locator('[role=status].unseen').innerText(), /will continue/);
    // Who comes meanwhile is told at once, and has to fetch the picture.
    await until('the last picture', SAID_WITHIN, async () => (await viewer.sample()).width > 0);
  }

  /** The picture moves again, in the same document, with nothing over it. */
  async function assertGoesOn(viewer) {
    const { time } = await viewer.sample();
    await until('a moving picture', BACK_WITHIN, async () => {
      const now = await viewer.sample();
      return now.state === 'live' && now.time > time + 0.5;
    });
    await overlay(viewer).waitFor({ state: 'detached' });
    assert.match((await badge(viewer).innerText()).trim(), /^Live/);
    await viewer.page.evaluate(() => (window.__seen.isWatching = true));
    await viewer.playsOn(5);
    assert.equal(await viewer.loadedAt(), viewer.loaded, 'the page was loaded again');
  }

  it('sees it go on when the publisher is back, in another size', async () => {
    await server.publish();
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    await viewer.looksAway();
    const id = (await server.broadcast()).id;
    await server.losePublisher();
    await assertWaits(viewer);
    assert.deepEqual(await viewer.barriers(), []);
    await viewer.page.setViewportSize({ width: 390, height: 844 });
    assert.deepEqual(await viewer.barriers(), []);
    assert.ok((await viewer.overhang()) <= 0, 'the page is wider than a phone');
    await viewer.page.setViewportSize(DESKTOP.viewport);

    await server.publish({ isSmall: true });
    await assertGoesOn(viewer);
    assert.equal((await server.broadcast()).id, id, 'another broadcast has begun');
    await until('the picture in its new size', BACK_WITHIN, async () => (await viewer.sample()).width === 480);
    assert.deepEqual(await viewer.complaintList(), NOTHING);
  });

  it('and who comes meanwhile sees the last picture, and then how it goes on', async () => {
    await server.publish();
    const early = await Viewer.open(browser, server.page);
    await early.plays();
    await early.looksAway();
    await server.losePublisher();
    await assertWaits(early);
    const late = await Viewer.open(browser, server.page, PHONE);
    late.loaded = await late.loadedAt();
    await assertWaits(late);
    assert.deepEqual(await late.barriers(), []);
    await server.publish();
    await Promise.all([assertGoesOn(early), assertGoesOn(late)]);
    assert.deepEqual(await late.complaintList(), NOTHING);
  });

  it('is told that it is over when nobody comes back', async () => {
    await server.publish();
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    await viewer.looksAway();
    await server.losePublisher();
    await assertWaits(viewer);
    await server.change(({ broadcast }) => (broadcast.graceSeconds = 1));
    await viewer.page.locator('.stage-offline').waitFor({ timeout: 30_000 });
    assert.equal((await viewer.sample()).state, 'offline');
    assert.deepEqual(await viewer.complaintList(), NOTHING);
    await server.change(({ broadcast }) => (broadcast.graceSeconds = 120));
  });

  it('plays on when the engine was killed and is back', async () => {
    await server.publish();
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    await viewer.looksAway();
    const engine = await server.enginePid();
    process.kill(engine, 'SIGKILL');
    await until('another engine', 20_000, async () => ![engine, null].includes(await server.enginePid()));
    await assertWaits(viewer);
    await server.losePublisher();
    await server.publish();
    await assertGoesOn(viewer);
    const { stalls, violations, strangers } = await viewer.complaintList();
    assert.deepEqual({ stalls, violations, strangers }, { stalls: [], violations: [], strangers: [] });
  });
});
