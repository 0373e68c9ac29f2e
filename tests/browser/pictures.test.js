// The page as README.md shows it. Written to the folder NIXCAST_PICTURES; without it only the layout is tried.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { rung, Server } from './server.js';
import { DESKTOP, launch, PHONE, Viewer } from './viewer.js';

const folder = process.env.NIXCAST_PICTURES;

describe('a picture', { timeout: 300_000 }, () => {
  let server;
  let browser;
  before(async () => {
    if (folder) await mkdir(folder, { recursive: true });
    server = await Server.start();
    await server.change((settings) => settings.video.variants.push(rung('360p', 360, 700)));
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  async function take(name, device) {
    const viewer = await Viewer.open(browser, server.page, device);
    if (name.startsWith('live')) {
      await viewer.plays();
      await viewer.playsOn(2);
    } else {
      await viewer.page.getByText('The next tide is at nine.').waitFor();
    }
    const picture = await viewer.page.screenshot(folder ? { path: join(folder, `${name}.png`) } : {});
    assert.ok(picture.length > 5000, `${name} is blank`);
    await viewer.close();
  }

  it('of an offline page, on a desktop and on a phone', async () => {
    await take('offline-desktop', DESKTOP);
    await take('offline-phone', PHONE);
  });

  it('of a live page, on a desktop and on a phone', async () => {
    await server.publish({ isDemo: Boolean(folder) });
    await take('live-desktop', DESKTOP);
    await take('live-phone', PHONE);
  });
});
