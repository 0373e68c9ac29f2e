// A viewer: one page in headless Chromium, with everything written down that a viewer or the page's policy would
// complain about.

import { chromium, devices } from 'playwright-core';
import { until } from './server.js';

/** Milliseconds from opening a page to its first moving picture. */
const PLAYS_WITHIN = 20_000;

/** Runs in the page before its own scripts: counts stalls of the visible picture and violations of the policy. */
function watch() {
  const seen = { stalls: [], violations: [], loads: performance.timeOrigin };
  window.__seen = seen;
  document.addEventListener('securitypolicyviolation', (event) => {
    seen.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
  });
  // Media events do not bubble; capturing at the document sees those of every video, also of later ones.
  document.addEventListener(
    'waiting',
    ({ target }) => {
      const isVisible = target.dataset.active === 'true';
      if (isVisible && seen.isWatching) seen.stalls.push(`${target.currentTime.toFixed(2)} s, ready ${target.readyState}`);
    },
    true,
  );
}

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--mute-audio', '--autoplay-policy=no-user-gesture-required'],
  });
}

export const DESKTOP = { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' };

/** Size, touch and user agent of a phone; the engine stays Chromium's. */
export const PHONE = { ...devices['Pixel 7'], colorScheme: 'dark' };

export class Viewer {
  static async open(browser, address, device = DESKTOP) {
    const viewer = new Viewer();
    viewer.context = await browser.newContext(device);
    viewer.page = await viewer.context.newPage();
    viewer.complaints = [];
    viewer.strangers = [];
    viewer.page.on('pageerror', (error) => viewer.complaints.push(String(error)));
    viewer.page.on('console', (message) => {
      if (message.type() === 'error') viewer.complaints.push(message.text());
    });
    viewer.page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(address) && !/^(blob|data):/.test(url)) viewer.strangers.push(url);
    });
    await viewer.page.addInitScript(watch);
    await viewer.page.goto(address);
    return viewer;
  }

  /** Waits until the picture moves; from then on every stall counts. */
  async plays() {
    await until('a moving picture', PLAYS_WITHIN, async () => (await this.sample()).time > 0.5);
    await this.page.evaluate(() => (window.__seen.isWatching = true));
  }

  /** What the visible player is at. */
  async sample() {
    return this.page.evaluate(() => {
      const video = document.querySelector('video[data-active="true"]');
      const player = document.querySelector('.player');
      const quality = video?.getVideoPlaybackQuality();
      return {
        state: document.documentElement.dataset.state,
        time: video?.currentTime ?? 0,
        width: video?.videoWidth ?? 0,
        frames: quality?.totalVideoFrames ?? 0,
        dropped: quality?.droppedVideoFrames ?? 0,
        quality: player?.dataset.quality ?? null,
        choice: player?.dataset.choice ?? null,
        revision: Number(player?.dataset.ladderRevision ?? NaN),
      };
    });
  }

  /** Plays on for `seconds`, and fails unless the picture moved with the clock. */
  async playsOn(seconds) {
    const before = await this.sample();
    const began = Date.now();
    await until(`${seconds} s more of picture`, seconds * 1000 + 5000, async () => {
      const { time } = await this.sample();
      return time >= before.time + seconds;
    });
    const took = (Date.now() - began) / 1000;
    if (took < seconds * 0.8) throw new Error(`${seconds} s of picture went by in ${took} s: the page jumped`);
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

  async close() {
    await this.context.close();
  }
}

export const NOTHING = { stalls: [], violations: [], complaints: [], strangers: [] };
