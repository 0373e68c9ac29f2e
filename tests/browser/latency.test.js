// Low latency: the page fetches parts, plays a second behind without stalls, and follows when latency level or ladder
// change meanwhile. How far behind exactly is measured by latency.js.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { rung, Server, until } from './server.js';
import { launch, NOTHING, Viewer } from './viewer.js';

/** Milliseconds until a page plays another ladder. */
const ADOPTED_WITHIN = 40_000;

/** Milliseconds until a page is as far behind as it should be: a tenth of a second is gained each second. */
const SETTLED_WITHIN = 150_000;

/**
 * Times the picture may wait, and tenths of a second that a standstill may last beyond one that nobody sees: there is less
 * than half a second in the buffer, and server, encoders and browser share a machine.
 */
const HICCUPS = 5;

/** Seconds behind live that are low latency even on a machine busy enough that players keep away; without parts it is six. */
const LOW = 4.5;

describe('a page at the lowest latency', { timeout: 500_000 }, () => {
  let server;
  let browser;
  before(async () => {
    server = await Server.start();
    await server.change(({ video }) => {
      video.latencyLevel = 0;
      video.variants.push(rung('low', 180, 200));
    });
    await server.publish();
    browser = await launch();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
  });
  after(async () => {
    await Promise.all([browser?.close(), server?.close()]);
  });

  const latency = (viewer) => viewer.page.locator('.player').evaluate(({ dataset }) => Number(dataset.latency || NaN));
  const settles = (viewer, isThere) =>
    until('the new distance', SETTLED_WITHIN, async () => isThere(await latency(viewer)));

  /** The picture goes on for `seconds` in the same document, with hiccups at most. */
  async function assertSmooth(viewer, seconds) {
    await viewer.playsOn(seconds);
    const { stalls, ...rest } = await viewer.complaintList();
    const { stalls: _, ...nothing } = NOTHING;
    assert.deepEqual(rest, nothing);
    assert.ok(stalls.length <= HICCUPS, stalls.join(', '));
    assert.equal(await viewer.loadedAt(), viewer.loaded, 'the page was loaded again');
  }

  it('fetches parts, and plays without stalls', async () => {
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    await assertSmooth(viewer, 20);
    assert.ok(viewer.media.some((url) => url.includes('_HLS_part=')), 'no playlist was asked for by part');
    const behind = await latency(viewer);
    assert.ok(behind > 0 && behind < LOW, `${behind} s behind`);
    assert.equal(await viewer.page.locator('.live').getAttribute('data-live'), 'true');
  });

  it('takes up another ladder without a stall', async () => {
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    await settles(viewer, (behind) => behind < LOW);
    for (const change of [
      ({ video }) => video.variants.push({ ...rung('lower', 144, 150), order: 3 }),
      ({ video }) => video.variants.pop(),
    ]) {
      const { revision } = await viewer.sample();
      await server.change(change);
      await until('the new ladder', ADOPTED_WITHIN, async () => (await viewer.sample()).revision > revision);
      await assertSmooth(viewer, 4);
    }
    assert.ok((await latency(viewer)) < LOW);
  });

  it('leaves a viewer who stepped back where they are, and brings them back when they ask', async () => {
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    await viewer.playsOn(8);
    await viewer.looksAway();
    await viewer.page.locator('.player').focus().catch(() => undefined);
    await viewer.page.keyboard.press('ArrowLeft');
    const live = viewer.page.locator('.live');
    await viewer.shows('the way back', () => document.querySelector('.player').dataset.behind === 'true', 5000);
    assert.equal(await live.getAttribute('data-live'), 'false');
    await viewer.playsOn(3);
    const speed = await viewer.page.locator('video[data-active="true"]').evaluate((video) => video.playbackRate);
    assert.equal(speed, 1);
    await viewer.page.keyboard.press('l');
    await settles(viewer, (behind) => behind < LOW);
    await viewer.playsOn(2);
    assert.equal(await live.getAttribute('data-live'), 'true');
  });

  it('follows to the highest latency level and back in the same document', async () => {
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    // Parts that are suddenly five times as long leave a short wait; what comes after it must not stop.
    await viewer.looksAway();
    await server.change(({ video }) => (video.latencyLevel = 4));
    await settles(viewer, (behind) => behind > 5);
    await viewer.playsOn(2);
    await viewer.plays();
    await viewer.assertUndisturbed(8);
    await server.change(({ video }) => (video.latencyLevel = 0));
    await settles(viewer, (behind) => behind < LOW);
    await assertSmooth(viewer, 4);
  });
});
