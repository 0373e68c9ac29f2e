// The page as README.md shows it: the demo's branding and picture. Written to the folder NIXCAST_PICTURES; without it
// only the layout is tried.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { root, rung, Server, until } from './server.js';
import { DESKTOP, launch, PHONE, Viewer } from './viewer.js';

const folder = process.env.NIXCAST_PICTURES;

/** What examples/demo.nix declares of the instance. */
async function demoInstance() {
  const demo = `(import ${join(root, 'examples/demo.nix')}).services.nixcast.instance`;
  // A path as it stands: as JSON it would be copied to the store first.
  const expression = `let i = ${demo}; in i // { logo = toString i.logo; }`;
  const words = ['--store', 'dummy://', '--eval', '--strict', '--json', '--expr', expression];
  const instance = JSON.parse((await promisify(execFile)('nix-instantiate', words)).stdout);
  // What the module fills in where the demo leaves it out.
  const rest = { description: '', colour: null, openExternally: true };
  return { ...instance, externalActions: instance.externalActions.map((action) => ({ ...rest, ...action })) };
}

describe('a picture', { timeout: 300_000 }, () => {
  let server;
  let browser;
  before(async () => {
    if (folder) await mkdir(folder, { recursive: true });
    const instance = await demoInstance();
    server = await Server.start();
    const passwordFile = join(server.folder, 'admin.password');
    await writeFile(passwordFile, 'pictures only\n', { mode: 0o600 });
    await server.change((settings) => {
      const theme = { ...settings.instance.theme, ...instance.theme };
      settings.instance = { ...settings.instance, ...instance, theme };
      settings.video.variants.push(rung('360p', 360, 700));
      settings.broadcast.graceSeconds = 120;
      settings.admin.passwordFile = passwordFile;
    });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  async function take(name, device) {
    const deviceScaleFactor = device === PHONE ? 2 : 1.5;
    const viewer = await Viewer.open(browser, server.page, { ...device, deviceScaleFactor });
    if (name.startsWith('live')) {
      await viewer.plays();
      await viewer.playsOn(2);
      await viewer.page.locator('.player').hover();
      const controls = viewer.page.locator('.controls');
      await until('the controls', 5000, () => controls.evaluate((all) => getComputedStyle(all).opacity === '1'));
    } else if (name.startsWith('reconnecting')) {
      // What there is of it plays to its end first.
      await until('the last picture', 20_000, async () => (await viewer.sample()).time > 1);
      await viewer.page.getByText('Reconnecting… the stream will continue').waitFor();
    } else {
      await viewer.page.getByText('Nobody is publishing.').waitFor();
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

  it('of the operator\'s page, on a desktop and on a phone', async () => {
    for (const [name, device] of [['desktop', { ...DESKTOP, viewport: { width: 1280, height: 1240 } }], ['phone', PHONE]]) {
      const { page, context } = await Viewer.open(browser, `${server.page}admin`, { ...device, deviceScaleFactor: 1.5 });
      await page.getByLabel('Name').fill('admin');
      await page.getByLabel('Password').fill('pictures only');
      await page.keyboard.press('Enter');
      const lines = page.getByRole('figure', { name: 'Encoder speed' }).locator('.plot-line');
      // A plot of a moment is no plot: for a picture that is shown it may take a minute.
      await until('a line', 90_000, async () => {
        const [line] = await lines.evaluateAll((all) => all.map((one) => one.getAttribute('d')));
        return (line?.match(/L/g)?.length ?? 0) >= (folder ? 10 : 1);
      });
      const picture = await page.screenshot(folder ? { path: join(folder, `admin-${name}.png`) } : {});
      assert.ok(picture.length > 5000, `admin-${name} is blank`);
      await context.close();
    }
  });

  it('of a page whose publisher is lost, on a desktop and on a phone', async () => {
    await server.losePublisher();
    await take('reconnecting-desktop', DESKTOP);
    await take('reconnecting-phone', PHONE);
  });
});
