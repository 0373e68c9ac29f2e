// Settings change while a viewer watches: the page follows, and the picture never stops.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { rung, Server, until } from './server.js';
import { launch, Viewer } from './viewer.js';

/** Milliseconds from a saved file to an open page. */
const SEEN_WITHIN = 2000;

/** Milliseconds until a page plays another ladder: a few segments of it have to exist. */
const ADOPTED_WITHIN = 40_000;

const LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="teal"/></svg>';

/** A change of the instance, and what the page looks like after it: evaluated in the page. */
const LOOKS = [
  ['name', 'Lighthouse', () => document.querySelector('h1').textContent === 'Lighthouse' && document.title === 'Lighthouse'],
  ['summary', 'From above.', () => document.querySelector('.summary')?.textContent === 'From above.'],
  ['tags', ['light', 'fog'], () => document.querySelector('.tags')?.textContent === '#light#fog'],
  [
    'socialHandles',
    [{ platform: 'matrix', url: 'https://example.org/#light' }],
    () => document.querySelector('.links a')?.href === 'https://example.org/#light',
  ],
  ['theme.background', '#203040', () => getComputedStyle(document.documentElement).backgroundColor === 'rgb(32, 48, 64)'],
  ['theme.surface', '#304050', () => getComputedStyle(document.querySelector('.links a')).backgroundColor === 'rgb(48, 64, 80)'],
  ['theme.text', '#f0f1f2', () => getComputedStyle(document.body).color === 'rgb(240, 241, 242)'],
  ['theme.mutedText', '#c0c1c2', () => getComputedStyle(document.querySelector('.summary')).color === 'rgb(192, 193, 194)'],
  ['theme.accent', '#ffcc00', () => getComputedStyle(document.querySelector('.badge')).backgroundColor === 'rgb(255, 204, 0)'],
  ['theme.accentText', '#102030', () => getComputedStyle(document.querySelector('.badge')).color === 'rgb(16, 32, 48)'],
  ['theme.background', null, () => getComputedStyle(document.documentElement).backgroundColor === 'rgb(16, 17, 22)'],
  ['theme.cornerRadius', 4, () => getComputedStyle(document.querySelector('.stage')).borderRadius === '4px'],
  ['theme.cornerRadius', null, () => getComputedStyle(document.querySelector('.stage')).borderRadius === '16px'],
  ['nsfw', true, () => document.querySelector('.mature') !== null && document.querySelector('meta[name=rating]') !== null],
  ['nsfw', false, () => document.querySelector('.mature') === null && document.querySelector('meta[name=rating]') === null],
  ['searchIndexing', false, () => document.querySelector('meta[name=robots]')?.content === 'noindex'],
  ['searchIndexing', true, () => document.querySelector('meta[name=robots]') === null],
  ['summary', '', () => document.querySelector('.summary') === null],
];

describe('a viewer of a live stream', { timeout: 300_000 }, () => {
  let server;
  let browser;
  let viewer;
  before(async () => {
    server = await Server.start();
    await server.publish();
    browser = await launch();
    viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /** The picture goes on, in the same document, from the same publisher. */
  async function assertUndisturbed(seconds = 3) {
    await viewer.assertUndisturbed(seconds);
    assert.ok(server.isPublishing, 'the publisher was cut off');
  }

  /** Waits until the page plays a newer ladder than before `change`. */
  async function assertAdopts(change) {
    const { revision } = await viewer.sample();
    await server.change(change);
    await until('the new ladder', ADOPTED_WITHIN, async () => (await viewer.sample()).revision > revision);
  }

  async function assertOffered(names) {
    assert.deepEqual(await viewer.openQualityMenu(), names);
    await viewer.page.keyboard.press('Escape');
  }

  it('sees each new value of the instance at once', async () => {
    await viewer.page.evaluate(() => (window.__seen.video = document.querySelector('video[data-active="true"]')));
    for (const [option, value, isShown] of LOOKS) {
      const [name, part] = option.split('.');
      await server.write(({ instance }) => (part ? (instance.theme[part] = value) : (instance[name] = value)));
      await until(`instance.${option}`, SEEN_WITHIN, () => viewer.page.evaluate(isShown));
    }
    const isSame = await viewer.page.evaluate(
      () => window.__seen.video === document.querySelector('video[data-active="true"]'),
    );
    assert.ok(isSame, 'another video element took over');
    await assertUndisturbed();
  });

  it('sees a new logo at once', async () => {
    const shown = () =>
      viewer.page.evaluate(() => {
        const { src, complete, naturalWidth } = document.querySelector('.logo');
        const icon = document.querySelector('link[rel=icon]').href;
        return complete && naturalWidth > 0 && icon === src ? src : null;
      });
    const first = await shown();
    const logo = join(server.folder, 'logo.svg');
    await writeFile(logo, LOGO);
    await server.write(({ instance }) => (instance.logo = logo));
    await until('the new logo', SEEN_WITHIN, async () => ![first, null].includes(await shown()));
    await server.write(({ instance }) => (instance.logo = null));
    await until('the built-in mark', SEEN_WITHIN, async () => (await shown())?.includes('/assets/mark'));
    await assertUndisturbed();
  });

  it('is offered a rung that is added, without a stall', async () => {
    await assertAdopts((settings) => settings.video.variants.push(rung('low', 180, 200)));
    await assertUndisturbed();
    await assertOffered(['Auto', 'source', 'low']);
    await viewer.openQualityMenu();
    await viewer.page.getByRole('menuitemradio', { name: /^low/ }).click();
    await until('the low picture', 20_000, async () => (await viewer.sample()).width === 320);
    await assertUndisturbed();
  });

  it('does not notice another bitrate', async () => {
    await server.change(({ video }) => (video.variants[1].videoBitrateKbps = 350));
    await assertUndisturbed(6);
    assert.equal((await viewer.sample()).choice, 'low');
  });

  it('keeps the picture when the worker that encodes it is killed', async () => {
    const worker = await server.workerPid();
    process.kill(worker, 'SIGKILL');
    await until('another worker', 10_000, async () => ![worker, null].includes(await server.workerPid()));
    await assertUndisturbed(8);
    assert.equal((await viewer.sample()).width, 320);
  });

  it('is moved on from a rung that is removed, without a stall', async () => {
    await assertAdopts(({ video }) => video.variants.pop());
    await until('the source picture', 20_000, async () => (await viewer.sample()).width === 640);
    await assertUndisturbed();
    await assertOffered(['Auto', 'source']);
  });

  it('does not notice a stream key that comes or one that goes', async () => {
    const guest = await server.declareKey('guest');
    await server.change((settings) => settings.streamKeys.unshift(guest));
    await assertUndisturbed();
    await server.change((settings) => settings.streamKeys.shift());
    await assertUndisturbed();
  });

  it('does not notice another latency level', async () => {
    await server.change(({ video }) => (video.latencyLevel = 1));
    await assertUndisturbed(8);
  });

  it('stays when the page moves to another port', async () => {
    const from = server.settings.http.port;
    await server.change(({ http }) => (http.port = from === 19_999 ? 10_000 : from + 1));
    await assertUndisturbed(10);
    const moved = await fetch(`${server.page}api/page`);
    assert.equal(moved.status, 200);
  });
});
