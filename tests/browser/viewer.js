// A viewer: one page in headless Chromium, with everything written down that a viewer or the page's policy would
// complain about.

import assert from 'node:assert/strict';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium, devices } from 'playwright-core';
import { until } from './server.js';

/** Milliseconds from opening a page to its first moving picture. */
const PLAYS_WITHIN = 20_000;

/** Runs in the page before its own scripts: writes down stalls of the visible picture and violations of the policy. */
function watch() {
  /** Milliseconds without a step of the picture's clock that a person sees as a stop. */
  const STANDSTILL = 700;

  /** Seconds of buffered media from which on a browser that says it waits is waiting for its own decoder. */
  const IN_HAND = 0.5;

  const ahead = ({ buffered, currentTime }) => {
    for (let at = 0; at < buffered.length; at++) {
      if (buffered.start(at) <= currentTime && currentTime < buffered.end(at)) return buffered.end(at) - currentTime;
    }
    return 0;
  };

  const seen = { stalls: [], violations: [], loads: performance.timeOrigin, isWatching: false };
  window.__seen = seen;
  document.addEventListener('securitypolicyviolation', (event) => {
    seen.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
  });
  // Media events do not bubble; capturing at the document sees those of every video, also of later ones.
  document.addEventListener(
    'waiting',
    ({ target }) => {
      const isVisible = target.dataset.active === 'true';
      // On a busy machine the decoder is late now and then: whether a person could see that, the clock tells.
      if (isVisible && seen.isWatching && ahead(target) < IN_HAND) seen.stalls.push(`waiting at ${target.currentTime.toFixed(2)} s`);
    },
    true,
  );
  let last = { time: 0, at: performance.now() };
  setInterval(() => {
    const now = { time: document.querySelector('video[data-active="true"]')?.currentTime ?? 0, at: performance.now() };
    if (seen.isWatching && now.time === last.time) {
      if (now.at - last.at > STANDSTILL) seen.stalls.push(`stood still at ${now.time.toFixed(2)} s`);
      return;
    }
    last = now;
  }, 100);
}

/** A browser that plays sound unasked, as for somebody who watches here often; `isStranger` makes it ask first. */
export async function launch({ isStranger = false, flags = [] } = {}) {
  const policy = isStranger ? 'document-user-activation-required' : 'no-user-gesture-required';
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--mute-audio', `--autoplay-policy=${policy}`, ...flags],
  });
}

export const DESKTOP = { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' };

/** Size, touch and user agent of a phone; the engine stays Chromium's. */
export const PHONE = { ...devices['Pixel 7'], colorScheme: 'dark' };

export class Viewer {
  /** `prepare` runs in the page before its own scripts; `serve` may put something before the server. */
  static async open(browser, address, device = DESKTOP, prepare = null, serve = null) {
    const viewer = new Viewer();
    viewer.context = await browser.newContext(device);
    viewer.page = await viewer.context.newPage();
    viewer.complaints = [];
    viewer.media = [];
    viewer.strangers = [];
    viewer.said = [];
    viewer.page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => viewer.said.push(JSON.parse(payload))));
    viewer.page.on('pageerror', (error) => viewer.complaints.push(String(error)));
    viewer.page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) viewer.complaints.push(message.text());
    });
    viewer.page.on('request', (request) => {
      const url = request.url();
      if (url.startsWith(`${address}hls/`)) viewer.media.push(url);
      if (!url.startsWith(address) && !/^(blob|data):/.test(url)) viewer.strangers.push(url);
    });
    await viewer.page.addInitScript(watch);
    if (prepare !== null) await viewer.page.addInitScript(prepare);
    await serve?.(viewer.page);
    await viewer.page.goto(address);
    return viewer;
  }

  /** Waits until the picture moves; from then on every stall counts. */
  async plays() {
    await until('a moving picture', PLAYS_WITHIN, async () => {
      const { state, time } = await this.sample();
      return state === 'live' && time > 0.5;
    });
    await this.page.evaluate(() => (window.__seen.isWatching = true));
    this.loaded = await this.loadedAt();
  }

  /** The picture that played goes on for `seconds`, in the same document, and nothing was to be complained about. */
  async assertUndisturbed(seconds = 3) {
    await this.playsOn(seconds);
    assert.deepEqual(await this.complaintList(), NOTHING);
    assert.equal(await this.loadedAt(), this.loaded, 'the page was loaded again');
  }

  /** The stream is about to end: that the picture stops is no stall. */
  async looksAway() {
    await this.page.evaluate(() => (window.__seen.isWatching = false));
  }

  /** What the visible player is at. */
  async sample() {
    return this.page.evaluate(() => {
      const video = document.querySelector('video[data-active="true"]');
      const player = document.querySelector('.player');
      return {
        state: document.documentElement.dataset.state,
        socket: document.documentElement.dataset.socket,
        time: video?.currentTime ?? 0,
        width: video?.videoWidth ?? 0,
        quality: player?.dataset.quality ?? null,
        choice: player?.dataset.choice ?? null,
        revision: Number(player?.dataset.ladderRevision ?? NaN),
      };
    });
  }

  /** Waits for `seconds` more of picture, and fails if the page jumped there. */
  async playsOn(seconds) {
    // The players of two ladders count from different zeros, so only steps are added up.
    let { time: last } = await this.sample();
    let watched = 0;
    await until(`${seconds} s more of picture`, seconds * 1000 + 5000, async () => {
      const { time } = await this.sample();
      watched += Math.min(Math.max(time - last, 0), 0.5);
      last = time;
      return watched >= seconds;
    });
  }

  /** Everything that was written down: all of it has to be empty. */
  async complaintList() {
    const { stalls, violations } = await this.page.evaluate(() => window.__seen);
    return { stalls, violations, complaints: this.complaints, strangers: this.strangers };
  }

  /** The moment the document was loaded: another one after a reload. */
  async loadedAt() {
    return this.page.evaluate(() => window.__seen.loads);
  }

  /** What a screen reader, a keyboard or tired eyes would stumble over, anywhere but in `except`. */
  async barriers(except = []) {
    const { violations } = await except.reduce((axe, one) => axe.exclude(one), new AxeBuilder({ page: this.page })).analyze();
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
  }

  /** Waits until `isShown`, evaluated in the page, is true. */
  async shows(what, isShown, limit = 2000) {
    await until(what, limit, () => this.page.evaluate(isShown));
  }

  /** Pixels by which the page is wider than its window: nobody should have to scroll sideways. */
  async overhang() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  }

  /** Opens the quality menu, and says what it offers. */
  async openQualityMenu() {
    await this.page.getByRole('button', { name: /^Quality/ }).click();
    const names = this.page.getByRole('menuitemradio').locator('span:not(.menu-detail)');
    return names.allTextContents();
  }

  async close() {
    await this.context.close();
  }
}

export const NOTHING = { stalls: [], violations: [], complaints: [], strangers: [] };
