// One answer is enough to paint a page, nothing jumps while it fills, chat and player included, and its scripts weigh what
// they may.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hasChat, load, SLOW } from './paint.js';
import { Server, until } from './server.js';
import { DESKTOP, launch, PHONE, Viewer } from './viewer.js';

/** Bytes of script over the wire, headers included, for a page that plays and has a chat. */
const MOST_SCRIPT = 250_000;

/** Pixels that move, as a share of the window times a share of the way: 0.1 is "good" to Chromium, 0.01 is a line. */
const MOST_SHIFT = 0.01;

describe('a page that opens', { timeout: 240_000 }, () => {
  let server;
  let browser;
  before(async () => {
    server = await Server.start();
    browser = await launch();
    await server.change(({ chat }) => {
      chat.spamProtection = false;
    });
    const host = await Viewer.open(browser, server.page);
    await hasChat(host.page);
    for (const text of ['Is that the ferry?', 'It is.', 'A **long** one, '.repeat(20)]) {
      await host.page.getByRole('textbox', { name: 'Your message' }).fill(text);
      await host.page.getByRole('textbox', { name: 'Your message' }).press('Enter');
    }
    await until('three messages', 10_000, async () => (await host.page.locator('.line-body').count()) >= 3);
    await host.close();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  const hasHistory = async (page) => {
    await hasChat(page);
    await page.getByText('Is that the ferry?').waitFor();
  };

  for (const [name, device] of [['desktop', DESKTOP], ['phone', PHONE]]) {
    for (const [speed, line] of [['', null], [' over a slow line', SLOW]]) {
      it(`moves nothing when the chat comes, on a ${name}${speed}`, async () => {
        const isReady = name === 'desktop' ? hasHistory : hasChat;
        const { shifts } = await load(browser, server.page, { device, line, isReady });
        const shift = shifts.reduce((sum, { value }) => sum + value, 0);
        assert.ok(shift <= MOST_SHIFT, `${shift.toFixed(4)}: ${JSON.stringify(shifts)}`);
      });
    }
  }

  it('is painted with its first answer, which is packed', async () => {
    for (const path of ['', 'embed/video', 'embed/chat/readonly', 'embed/chat/readwrite', 'moderate', 'stage', 'admin']) {
      const viewer = await Viewer.open(browser, server.page + path);
      const seen = await viewer.page.evaluate(() => {
        const [{ encodedBodySize, decodedBodySize }] = performance.getEntriesByType('navigation');
        const awaited = performance.getEntriesByType('resource').filter(({ renderBlockingStatus }) => renderBlockingStatus === 'blocking');
        const accent = getComputedStyle(document.documentElement).getPropertyValue('--accent');
        return { share: encodedBodySize / decodedBodySize, awaited: awaited.map(({ name }) => name), accent, violations: window.__seen.violations };
      });
      assert.ok(seen.share > 0 && seen.share < 0.4, `${path}: ${JSON.stringify(seen)}`);
      assert.deepEqual([seen.awaited, seen.violations], [[], []], path);
      assert.notEqual(seen.accent, '', `${path} wears its style`);
      await viewer.close();
    }
  });

  it('loads little script, with player and chat', async () => {
    await server.publish();
    const isReady = async (page) => {
      await hasHistory(page);
      await page.waitForFunction(() => document.querySelector('video[data-active="true"]')?.currentTime > 0.5, null, { timeout: 40_000 });
    };
    const { scripts, shifts } = await load(browser, server.page, { isReady });
    const bytes = scripts.reduce((sum, { bytes }) => sum + bytes, 0);
    assert.ok(scripts.some(({ name }) => /hls/.test(name)) && scripts.some(({ name }) => /Chat/.test(name)), JSON.stringify(scripts));
    assert.ok(bytes > 100_000 && bytes <= MOST_SCRIPT, `${bytes}: ${JSON.stringify(scripts)}`);
    const shift = shifts.reduce((sum, { value }) => sum + value, 0);
    assert.ok(shift <= MOST_SHIFT, `${shift.toFixed(4)}: ${JSON.stringify(shifts)}`);
  });
});
