// The operator's page in a real browser: logging in, what is shown and how it follows, the search, a phone, and what
// keeps people out.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { rung, Server, until } from './server.js';
import { DESKTOP, launch, NOTHING, PHONE, Viewer } from './viewer.js';

const PASSWORD = 'correct horse battery';

/** Milliseconds in which the page shows what changed: it asks every three seconds. */
const SHOWN_WITHIN = 20_000;

describe('the page of the operator', { timeout: 300_000 }, () => {
  let server;
  let browser;
  let address;
  before(async () => {
    server = await Server.start();
    address = `${server.page}admin`;
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  async function putPassword(password) {
    const file = join(server.folder, 'admin.password');
    await writeFile(file, `${password}\n`, { mode: 0o600 });
    return file;
  }

  const open = (device = DESKTOP) => Viewer.open(browser, address, device);

  async function logIn(viewer, password = PASSWORD) {
    await viewer.page.getByLabel('Name').fill('admin');
    await viewer.page.getByLabel('Password').fill(password);
    await viewer.page.keyboard.press('Enter');
  }

  async function enter(device) {
    const viewer = await open(device);
    await logIn(viewer);
    await viewer.page.getByRole('heading', { name: 'Declared and running' }).waitFor();
    return viewer;
  }

  /** Nothing that a viewer would complain about, and nothing fetched from elsewhere. */
  const undisturbed = async (viewer) => {
    const seen = await viewer.complaintList();
    assert.deepEqual({ ...seen, strangers: seen.strangers.filter((url) => !url.startsWith(server.page)) }, NOTHING);
  };

  const checked = async (viewer) => {
    assert.deepEqual(await viewer.barriers(), []);
    assert.ok((await viewer.overhang()) <= 0, 'the page is wider than its window');
  };

  it('says which option to set while nobody can log in', async () => {
    const viewer = await open();
    await viewer.page.getByText('services.nixcast.admin.passwordFile').waitFor();
    await checked(viewer);
    await undisturbed(viewer);
    await viewer.close();
    const passwordFile = await putPassword(PASSWORD);
    await server.change((settings) => {
      settings.admin.passwordFile = passwordFile;
      settings.video.variants.push(rung('180p', 180, 300));
    });
  });

  it('lets in whoever knows the password, with the keyboard alone, and out again', async () => {
    const viewer = await open();
    await viewer.page.getByRole('heading', { name: 'Log in' }).waitFor();
    await checked(viewer);
    await logIn(viewer, 'wrong');
    await viewer.page.getByRole('alert').getByText('Wrong name or password.').waitFor();
    await checked(viewer);
    await logIn(viewer);
    await viewer.page.getByText('Everything runs as declared.').waitFor();
    const [cookie] = (await viewer.context.cookies()).filter(({ name }) => name === 'nixcast_admin');
    assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, 'Strict', '/']);
    await viewer.page.reload();
    await viewer.page.getByText('Everything runs as declared.').waitFor();
    await viewer.page.getByRole('button', { name: 'Log out' }).click();
    await viewer.page.getByRole('heading', { name: 'Log in' }).waitFor();
    assert.deepEqual((await viewer.context.cookies()).filter(({ name }) => name === 'nixcast_admin'), []);
    await viewer.close();
  });

  it('is no part of what viewers fetch', async () => {
    const context = await browser.newContext(DESKTOP);
    const page = await context.newPage();
    const fetched = [];
    page.on('request', (request) => fetched.push(request.url()));
    await page.goto(server.page);
    await page.waitForLoadState('networkidle');
    assert.ok(fetched.some((url) => /\/main-.*\.js$/.test(url)), `${fetched}`);
    assert.deepEqual(fetched.filter((url) => /Admin|admin/.test(url)), []);
    await context.close();
  });

  it('shows a broadcast as it fares, with a table behind each plot', async () => {
    const viewer = await enter();
    const { page } = viewer;
    await page.getByRole('heading', { name: 'Nobody publishes' }).waitFor();
    await server.publish();
    await page.getByText('On air', { exact: true }).waitFor({ timeout: SHOWN_WITHIN });
    await page.getByRole('region', { name: 'Figures of the rungs' }).getByRole('row', { name: /180p/ }).waitFor({ timeout: SHOWN_WITHIN });
    const bitrates = page.getByRole('figure', { name: 'Bitrates' });
    await until('lines for publisher and rungs', SHOWN_WITHIN, async () => {
      const lines = await bitrates.locator('.plot-line').evaluateAll((all) => all.map((line) => line.getAttribute('d')));
      return lines.length === 3 && lines.every((line) => line.includes('L'));
    });
    const speed = page.getByRole('figure', { name: 'Encoder speed' });
    await until('the speed of the encoder', SHOWN_WITHIN, async () => (await speed.locator('.plot-line').count()) === 1);
    await bitrates.getByText('Numbers').click();
    const row = bitrates.getByRole('row').nth(1);
    await row.waitFor();
    assert.match(await row.textContent(), /kbit\/s/);
    await bitrates.locator('svg[role=img]').hover({ position: { x: 200, y: 60 } });
    await checked(viewer);
    await undisturbed(viewer);

    await page.getByRole('button', { name: '2 days' }).click();
    assert.equal(await page.getByRole('button', { name: '2 days' }).getAttribute('aria-pressed'), 'true');
    await page.getByRole('figure', { name: 'Viewers' }).waitFor();
    await viewer.close();
  });

  it('shows what the players of viewers measure, who say so on no request for media', async () => {
    const operator = await enter();
    const media = [];
    const watching = await Viewer.open(browser, server.page);
    watching.page.on('request', (request) => {
      if (request.url().includes('/hls/')) media.push(`${request.url()} ${Object.keys(request.headers())}`);
    });
    await watching.plays();
    const tile = operator.page.locator('.tile', { hasText: 'Behind live' });
    await tile.getByText(/^at most [\d.]+ s$/).waitFor({ timeout: SHOWN_WITHIN });
    const newest = async () => {
      const video = await operator.page.evaluate(() => fetch('/api/admin/metrics/video').then((answer) => answer.json()));
      const last = (series) => video[series].at(-1)?.value;
      return { latency: last('medianLatency'), took: last('medianSegmentDownloadDuration'), kbps: last('minPlayerBitrate'), share: video.representation };
    };
    await until('all of its figures', SHOWN_WITHIN, async () => Object.values(await newest()).every((value) => value > 0));
    const { latency, took, kbps, share } = await newest();
    assert.ok(latency < 30 && took < 10 && kbps >= 100, `${latency} s behind, ${took} s a segment, ${kbps} kbit/s`);
    assert.equal(share, 100, 'the one who watches reports');
    assert.ok(media.length > 5, `${media}`);
    assert.deepEqual(media.filter((request) => /cmcd/i.test(request)), []);
    await undisturbed(watching);
    await watching.close();
    await checked(operator);
    await operator.close();
  });

  it('finds an option by its name or value, and follows the settings', async () => {
    const viewer = await enter();
    const { page } = viewer;
    const table = page.getByRole('region', { name: 'Options' });
    await page.getByLabel('Search settings').fill('name harbour');
    await until('one row', 5000, async () => (await table.getByRole('row').count()) === 2);
    assert.match((await table.textContent()).replaceAll('\u200b', ''), /services\.nixcast\.instance\.name"Harbour"/);
    await page.getByLabel('Search settings').fill('passwordFile');
    await table.getByText('the agent alone knows').waitFor();
    assert.ok(!(await page.content()).includes(server.folder), 'where the secret lies');
    await page.getByLabel('Search settings').fill('no such thing');
    await page.getByText('No option or value has').waitFor();
    await page.getByLabel('Search settings').fill('instance.name');
    await server.change(({ instance }) => (instance.name = 'Lighthouse'));
    await table.getByText('"Lighthouse"').waitFor({ timeout: SHOWN_WITHIN });
    await page.getByRole('heading', { name: 'Lighthouse Admin' }).waitFor();
    await viewer.close();
  });

  it('tells what is held, in the option to mend', async () => {
    const viewer = await enter();
    const { accepted } = await server.status();
    await server.write((settings) => settings.streamKeys.push({ ...settings.streamKeys[0], name: 'guest', keyFile: '/nonexistent/guest.key' }));
    await until('the settings to be accepted', SHOWN_WITHIN, async () => (await server.status()).accepted.generation > accepted.generation);
    await viewer.page.getByText('services.nixcast.streamKeys.guest').first().waitFor({ timeout: SHOWN_WITHIN });
    await checked(viewer);
    await server.change((settings) => settings.streamKeys.pop());
    await viewer.page.getByText('Everything runs as declared.').waitFor({ timeout: SHOWN_WITHIN });
    await viewer.close();
  });

  it('lists the log by level', async () => {
    const viewer = await enter();
    const log = viewer.page.getByRole('region', { name: 'Log lines' });
    await log.getByText(/settings applied/).first().waitFor();
    await viewer.page.getByLabel('Level').selectOption('warnings');
    await until('warnings alone', 5000, async () => !/settings applied/.test(await viewer.page.locator('.admin').textContent()));
    await viewer.close();
  });

  it('can be read on a phone, in the dark and in the light', async () => {
    for (const device of [PHONE, { ...PHONE, colorScheme: 'light' }, { ...DESKTOP, colorScheme: 'light' }]) {
      const viewer = await enter(device);
      await viewer.page.getByRole('figure', { name: 'Bitrates' }).locator('.plot-line').first().waitFor({ timeout: SHOWN_WITHIN });
      await checked(viewer);
      await undisturbed(viewer);
      await viewer.close();
    }
  });

  it('asks for the password again when another one is declared', async () => {
    const viewer = await enter();
    await putPassword('another one');
    await viewer.page.getByRole('heading', { name: 'Log in' }).waitFor({ timeout: SHOWN_WITHIN });
    await logIn(viewer, 'another one');
    await viewer.page.getByRole('heading', { name: 'Declared and running' }).waitFor();
    await viewer.close();
  });
});
