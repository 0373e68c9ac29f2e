// The page as README.md shows it: the demo's branding and picture. Written to the folder NIXCAST_PICTURES; without it
// only the layout is tried.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
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
  let asAdmin;
  /** Who talks in the chat. */
  let people;
  before(async () => {
    if (folder) await mkdir(folder, { recursive: true });
    const instance = await demoInstance();
    server = await Server.start();
    asAdmin = await server.declareAdmin('pictures only');
    await server.change((settings) => {
      const theme = { ...settings.instance.theme, ...instance.theme };
      settings.instance = { ...settings.instance, ...instance, theme };
      settings.video.variants.push(rung('360p', 360, 700));
      settings.broadcast.graceSeconds = 120;
    });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /** People who have something to say; the last of them may moderate. */
  async function fill() {
    const people = [];
    for (const name of ['Mara', 'Jonas', 'ليلى', 'Skipper']) {
      const viewer = await Viewer.open(browser, server.page, DESKTOP);
      await viewer.page.locator('.chat-room[data-state="open"]').waitFor();
      await viewer.page.getByRole('button', { name: /Change name and colour/ }).click();
      const dialog = viewer.page.getByRole('dialog');
      await dialog.getByLabel('Name').fill(name);
      await dialog.getByRole('radio', { name: `Colour ${2 * people.length + 1}` }).check();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await viewer.page.getByRole('button', { name: `You are ${name}` }).waitFor();
      people.push(viewer);
    }
    const userId = await people[3].page.evaluate(() => JSON.parse(localStorage.getItem('nixcast-chat')).id);
    await asAdmin('chat/users/setmoderator', { userId, isModerator: true });
    return people;
  }

  async function say(viewer, text, { isQuestion = false, replyTo = null } = {}) {
    const { page } = viewer;
    const log = page.getByRole('log', { name: 'Messages' });
    if (replyTo !== null) {
      await log.locator('.line', { hasText: replyTo }).last().locator('.line-more').click();
      await page.getByRole('button', { name: 'Reply' }).click();
    }
    if (isQuestion) await page.getByLabel('Question', { exact: true }).check();
    const field = page.getByRole('textbox', { name: /^Your/ });
    await field.fill(text);
    await field.press('Enter');
    await until('to be heard', 10_000, async () => (await page.locator('.sending').count()) === 0);
  }

  async function shoot(viewer, name) {
    const picture = await viewer.page.screenshot(folder ? { path: join(folder, `${name}.png`) } : {});
    assert.ok(picture.length > 5000, `${name} is blank`);
  }

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
    if (name.startsWith('live')) await viewer.page.mouse.move(200, 200);
    await shoot(viewer, name);
    await viewer.close();
  }

  it('of an offline page, on a desktop and on a phone', async () => {
    await take('offline-desktop', DESKTOP);
    await take('offline-phone', PHONE);
  });

  it('of a live page with people who talk, on a desktop and on a phone', async () => {
    await server.publish({ isDemo: Boolean(folder) });
    people = await fill();
    const [mara, jonas, layla, skipper] = people;
    await say(mara, 'Good morning from the pier!');
    await say(jonas, 'Is that the **ferry from Kiel**? It looks huge.');
    await say(mara, 'It is. She is 224 m long, see https://example.org/ferry', { replyTo: 'ferry from Kiel' });
    await say(layla, 'مرحبا بالجميع');
    await say(jonas, 'How deep is the harbour at low tide?', { isQuestion: true });
    await say(layla, 'Who steers the pilot boat when the wind is above seven?', { isQuestion: true });
    await say(skipper, 'Please keep questions coming, we take them at ten.');
    for (const { page } of [mara, skipper]) await page.locator('.talk').getByRole('button', { name: /^Vote/ }).last().click();
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

  it('of the moderators\' view and of the stage', async () => {
    const [, , , skipper] = people;
    const { page } = skipper;
    for (const [name, size] of [['moderate-desktop', { width: 1440, height: 900 }], ['moderate-phone', { width: 390, height: 844 }]]) {
      await page.setViewportSize(size);
      await page.goto(`${server.page}moderate`);
      const row = page.getByRole('list', { name: 'Messages' }).getByRole('listitem').filter({ hasText: 'ferry from Kiel' }).last();
      await row.getByRole('button', { name: /^More about/ }).click();
      if (size.width > 1000) await page.getByRole('list', { name: 'People' }).getByText('Mara').waitFor();
      await shoot(skipper, name);
    }
    for (const [name, size] of [['stage-projector', { width: 1920, height: 1080 }], ['stage-phone', { width: 390, height: 844 }]]) {
      await page.setViewportSize(size);
      await page.goto(`${server.page}stage`);
      await page.getByText('Who steers the pilot boat').waitFor();
      await shoot(skipper, name);
    }
  });

  it('of a page whose publisher is lost, on a desktop and on a phone', async () => {
    await server.losePublisher();
    await take('reconnecting-desktop', DESKTOP);
    await take('reconnecting-phone', PHONE);
  });
});
