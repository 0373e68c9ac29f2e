// paint.js [ROUNDS]: how soon the page shows something over a slow line, on a slow machine, beside a page of one letter;
// and what loading moves and weighs. Prints one JSON object. `load` alone serves paint.test.js.

import { createServer } from 'node:http';
import { basename } from 'node:path';
import { Server } from './server.js';
import { DESKTOP, launch } from './viewer.js';

/**
 * Lighthouse's "slow 4G" with a processor four times as slow: bytes a second, milliseconds. The round trip is added to
 * each request, and not to the opening of connections.
 */
export const SLOW = { offline: false, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8, latency: 150 };
const SLOWDOWN = 4;

/** Runs in the page before its own scripts. */
function watch() {
  window.__shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries()) {
      if (!hadRecentInput) window.__shifts.push({ value, moved: sources.map(({ node }) => node?.outerHTML?.slice(0, 120) ?? node?.nodeName) });
    }
  }).observe({ type: 'layout-shift', buffered: true });
}

/** Opens the page with nothing in the cache, and reads when it was painted and what it took, once `isReady`. */
export async function load(browser, address, { device = DESKTOP, line = null, isReady }) {
  const context = await browser.newContext(device);
  try {
    const page = await context.newPage();
    const protocol = await context.newCDPSession(page);
    await protocol.send('Network.enable');
    if (line !== null) {
      await protocol.send('Network.emulateNetworkConditions', line);
      await protocol.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN });
    }
    const scripts = new Map();
    protocol.on('Network.responseReceived', ({ requestId, type, response }) => {
      if (type === 'Script' || response.mimeType.includes('javascript')) scripts.set(requestId, { name: new URL(response.url).pathname.slice(1), bytes: 0 });
    });
    protocol.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      if (scripts.has(requestId)) scripts.get(requestId).bytes = encodedDataLength;
    });
    await page.addInitScript(watch);
    await page.goto(address, { waitUntil: 'domcontentloaded' });
    await isReady(page);
    const seen = await page.evaluate(() => {
      const paint = Object.fromEntries(performance.getEntriesByType('paint').map(({ name, startTime }) => [name, startTime]));
      const [document] = performance.getEntriesByType('navigation');
      return { first: paint['first-paint'], contentful: paint['first-contentful-paint'], answered: document.responseStart, shifts: window.__shifts };
    });
    return { ...seen, scripts: [...scripts.values()] };
  } finally {
    await context.close();
  }
}

/** The page has its chat, and what was said in it. */
export async function hasChat(page) {
  await page.locator('.chat-room[data-state="open"]').waitFor({ timeout: 60_000 });
}

/**
 * A page of one letter, which nothing can be quicker than: what the line, the browser and the machine take of the figure.
 */
async function letter() {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html><title>x</title><p>x</p>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { page: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

const isPainted = (page) => page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0, null, { timeout: 60_000 });

const median = (figures) => figures.toSorted((one, other) => one - other)[Math.floor(figures.length / 2)];

if (basename(process.argv[1] ?? '') === 'paint.js') {
  const rounds = Number(process.argv[2] ?? 5);
  const server = await Server.start();
  const floor = await letter();
  const browser = await launch();
  try {
    const [runs, floors] = [[], []];
    for (let round = 0; round < rounds; round++) {
      runs.push(await load(browser, server.page, { line: SLOW, isReady: hasChat }));
      floors.push(await load(browser, floor.page, { line: SLOW, isReady: isPainted }));
    }
    console.log(JSON.stringify({
      rounds,
      contentful: runs.map(({ contentful }) => contentful),
      floor: floors.map(({ contentful }) => contentful),
      answered: median(runs.map(({ answered }) => answered)),
      shift: Math.max(...runs.map(({ shifts }) => shifts.reduce((sum, { value }) => sum + value, 0))),
    }));
  } finally {
    await browser.close();
    floor.close();
    await server.close();
  }
}
