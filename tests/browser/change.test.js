// Settings change while a viewer watches: the page follows, and the picture never stops.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { rung, Server, until } from './server.js';
import { launch, NOTHING, Viewer } from './viewer.js';

describe('a viewer of a live stream', { timeout: 300_000 }, () => {
  let server;
  let browser;
  let viewer;
  let loaded;
  before(async () => {
    server = await Server.start();
    await server.publish();
    browser = await launch();
    viewer = await Viewer.open(browser, server.page);
    await viewer.plays();
    loaded = await viewer.loadedAt();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /** The picture goes on, in the same document, from the same publisher. */
  async function assertUndisturbed() {
    await viewer.playsOn(3);
    assert.deepEqual(await viewer.complaintList(), NOTHING);
    assert.equal(await viewer.loadedAt(), loaded, 'the page was loaded again');
    assert.ok(server.isPublishing, 'the publisher was cut off');
  }

  it('sees new branding at once', async () => {
    await server.change(({ instance }) => {
      instance.name = 'Lighthouse';
      instance.summary = 'The same sea, from above.';
      instance.tags = ['light'];
      instance.socialHandles = [{ platform: 'matrix', url: 'https://example.org/#lighthouse' }];
      instance.theme.background = '#203040';
      instance.theme.accent = '#ffcc00';
    });
    await viewer.page.getByRole('heading', { name: 'Lighthouse' }).waitFor();
    await viewer.page.getByText('The same sea, from above.').waitFor();
    await viewer.page.getByRole('link', { name: 'matrix' }).waitFor();
    await until('the title', 5000, async () => (await viewer.page.title()) === 'Lighthouse');
    await until('the colour', 5000, () =>
      viewer.page.evaluate(() => getComputedStyle(document.body).backgroundColor === 'rgb(32, 48, 64)'),
    );
    await assertUndisturbed();
  });

  it('is offered a rung that is added, without a stall', async () => {
    const { revision } = await viewer.sample();
    await server.change((settings) => settings.video.variants.push(rung('low', 180, 200)));
    await until('the new ladder', 40_000, async () => (await viewer.sample()).revision > revision);
    await assertUndisturbed();
    await viewer.page.getByRole('button', { name: /^Quality/ }).click();
    await viewer.page.getByRole('menuitemradio', { name: /^low/ }).click();
    await until('the low picture', 20_000, async () => (await viewer.sample()).width === 320);
    await assertUndisturbed();
  });

  it('does not notice another bitrate', async () => {
    await server.change(({ video }) => (video.variants[1].videoBitrateKbps = 350));
    await assertUndisturbed();
  });

  it('is moved on from a rung that is removed, without a stall', async () => {
    assert.equal((await viewer.sample()).choice, 'low');
    const { revision } = await viewer.sample();
    await server.change(({ video }) => video.variants.pop());
    await until('the new ladder', 40_000, async () => (await viewer.sample()).revision > revision);
    await until('the source picture', 20_000, async () => (await viewer.sample()).width === 640);
    await assertUndisturbed();
  });

  it('does not notice a stream key that comes or one that goes', async () => {
    const guest = { ...server.settings.streamKeys[0], name: 'guest' };
    await server.change((settings) => settings.streamKeys.push(guest));
    await assertUndisturbed();
    await server.change((settings) => settings.streamKeys.pop());
    await assertUndisturbed();
  });

  it('stays when the page moves to another port', async () => {
    const from = server.settings.http.port;
    await server.change(({ http }) => (http.port = from === 19_999 ? 10_000 : from + 1));
    await viewer.playsOn(3);
    const moved = await fetch(`${server.page}api/page`);
    assert.equal(moved.status, 200);
  });
});
