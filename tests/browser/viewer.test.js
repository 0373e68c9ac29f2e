// What a viewer sees of a stream that is there, of one that is not, and of one that comes and goes.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { rung, Server, until } from './server.js';
import { launch, NOTHING, PHONE, Viewer } from './viewer.js';

describe('the page', { timeout: 300_000 }, () => {
  let server;
  let browser;
  before(async () => {
    server = await Server.start();
    await server.change((settings) => settings.video.variants.push(rung('low', 180, 200)));
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  it('says that nobody is on air, starts by itself when somebody is, and says so again', async () => {
    const viewer = await Viewer.open(browser, server.page);
    assert.equal(await viewer.page.title(), 'Harbour');
    await viewer.page.getByText('The next tide is at nine.').waitFor();
    assert.equal((await viewer.sample()).state, 'offline');

    await server.publish();
    await viewer.plays();
    assert.equal((await viewer.sample()).state, 'live');
    await viewer.playsOn(5);
    assert.deepEqual(await viewer.complaintList(), NOTHING);

    await server.unpublish();
    await viewer.page.getByText('The next tide is at nine.').waitFor({ timeout: 60_000 });
    assert.equal((await viewer.sample()).state, 'offline');
    assert.deepEqual((await viewer.complaintList()).violations, []);
    await viewer.close();
  });

  it('is complete before any script runs', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(server.page);
    await page.getByRole('heading', { name: 'Harbour' }).waitFor();
    await page.getByText('Ships coming and going, live.').waitFor();
    await page.getByRole('link', { name: 'mastodon' }).waitFor();
    await context.close();
  });

  it('plays on a phone, and nothing is wider than its screen', async () => {
    await server.publish();
    const viewer = await Viewer.open(browser, server.page, PHONE);
    await viewer.plays();
    await viewer.playsOn(4);
    const widths = await viewer.page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(widths[0] <= widths[1], `the page is ${widths[0]} wide on a screen of ${widths[1]}`);
    await viewer.page.setViewportSize({ width: 320, height: 640 });
    const narrow = await viewer.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(narrow <= 320, `the page is ${narrow} wide on a screen of 320`);
    assert.deepEqual(await viewer.complaintList(), NOTHING);
    await viewer.close();
    await server.unpublish();
  });

  it('lets the viewer choose a quality by mouse and by keyboard', async () => {
    await server.publish();
    const viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    const button = viewer.page.getByRole('button', { name: /^Quality/ });
    await button.click();
    await viewer.page.getByRole('menuitemradio', { name: /^low/ }).click();
    await until('the low picture', 20_000, async () => (await viewer.sample()).width === 320);
    assert.equal((await viewer.sample()).choice, 'low');

    // Focus is back on the button, so the keyboard goes on from there.
    await viewer.page.keyboard.press('Enter');
    await viewer.page.keyboard.press('Home');
    await viewer.page.keyboard.press('ArrowDown');
    await viewer.page.keyboard.press('Enter');
    await until('the source picture', 20_000, async () => (await viewer.sample()).width === 640);
    assert.equal((await viewer.sample()).choice, 'source');
    assert.deepEqual(await viewer.complaintList(), NOTHING);
    await viewer.close();
    await server.unpublish();
  });
});
