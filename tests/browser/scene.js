// What the tests of one `describe` share: a server, and a browser of which nothing stays open from one test to the next.

import { after, afterEach, before } from 'node:test';
import { Server } from './server.js';
import { launch } from './viewer.js';

/** Called in a `describe`; `server` and `browser` are there when its tests run. `prepare` is given the server first. */
export function setUp({ flags = [], prepare = null } = {}) {
  const all = { server: null, browser: null };
  before(async () => {
    all.server = await Server.start();
    await prepare?.(all.server);
    all.browser = await launch({ flags });
  });
  afterEach(async () => {
    await Promise.all(all.browser.contexts().map((context) => context.close()));
  });
  after(async () => {
    await all.browser?.close();
    await all.server?.close();
  });
  return all;
}
