// A page that is not ours, on another origin, with hls.js as it comes: what embeds and other people's sites use.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { root, rung, Server, until } from './server.js';
import { launch } from './viewer.js';

/** Milliseconds for a player with hls.js's defaults to come to its first picture and through a change. */
const PLAYS_WITHIN = 40_000;

/** Longest standstill in milliseconds that still counts as playing on: a hiccup on two busy cores. */
const STANDSTILL = 2000;

const PAGE = `<!doctype html><html lang="en"><title>Elsewhere</title><video muted></video>
<script src="/hls.min.js"></script><script src="/play.js"></script></html>`;

/**
 * Runs in the page: plays the address after the "#", reports by CMCD if asked to, and writes down what hls.js could not
 * cope with.
 */
function play() {
  const video = document.querySelector('video');
  const seen = { fatal: [], longest: 0 };
  window.__seen = seen;
  const wayOfCmcd = new URLSearchParams(location.search).get('cmcd');
  const hls = new window.Hls(wayOfCmcd === null ? {} : { cmcd: { useHeaders: wayOfCmcd === 'fields' } });
  hls.on(window.Hls.Events.ERROR, (_, { fatal, details, reason }) => {
    if (fatal) seen.fatal.push(`${details} ${reason ?? ''}`);
  });
  hls.loadSource(location.hash.slice(1));
  hls.attachMedia(video);
  video.play();
  let last = { time: 0, at: performance.now() };
  setInterval(() => {
    const now = { time: video.currentTime, at: performance.now() };
    if (now.time === last.time && now.time > 0) seen.longest = Math.max(seen.longest, now.at - last.at);
    else last = now;
  }, 100);
}

async function site() {
  const player = await readFile(join(root, 'agent/web/node_modules/hls.js/dist/hls.min.js'));
  const files = new Map([
    ['/', ['text/html', PAGE]],
    ['/hls.min.js', ['text/javascript', player]],
    ['/play.js', ['text/javascript', `(${play})()`]],
  ]);
  const server = createServer(({ url }, reply) => {
    const [type, body] = files.get(url.split('?')[0]) ?? [];
    reply.writeHead(type ? 200 : 404, { 'content-type': type ?? 'text/plain' }).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const of = ({ video }, name) => video.variants.find((variant) => variant.name === name);

const CHANGES = [
  ['another rung', ({ video }) => video.variants.push({ ...rung('extra', 144, 120), order: 4 })],
  ['another order', (settings) => (of(settings, 'extra').order = 0)],
  ['another bitrate', (settings) => (of(settings, 'low').videoBitrateKbps = 300)],
  ['another size', (settings) => (of(settings, 'low').height = 144)],
  ['another frame rate', (settings) => (of(settings, 'low').framerate = 15)],
  ['another preset', (settings) => (of(settings, 'low').preset = 'superfast')],
  ['a rung less', ({ video }) => video.variants.pop()],
  ['no pass-through', (settings) => (of(settings, 'source').enable = false)],
  ['pass-through again', (settings) => (of(settings, 'source').enable = true)],
  ['another latency level', ({ video }) => (video.latencyLevel = 1)],
];

describe('hls.js on a page of somebody else', { timeout: 300_000 }, () => {
  let server;
  let elsewhere;
  let browser;
  let page;
  before(async () => {
    server = await Server.start();
    await server.change(({ video }) => video.variants.push(rung('low', 180, 200)));
    await server.publish();
    elsewhere = await site();
    browser = await launch();
    page = await (await browser.newContext()).newPage();
    await page.goto(`http://127.0.0.1:${elsewhere.address().port}/#${server.page}hls/stream.m3u8`);
    await playsOn(3);
  });
  after(async () => {
    await browser?.close();
    elsewhere?.close();
    await server?.close();
  });

  const time = (of = page) => of.evaluate(() => document.querySelector('video').currentTime);

  /** Waits for `seconds` more of picture. */
  async function playsOn(seconds, of = page) {
    const goal = (await time(of)) + seconds;
    await until(`${seconds} s more of picture`, PLAYS_WITHIN, async () => (await time(of)) >= goal);
  }

  for (const [what, change] of CHANGES) {
    it(`plays on through ${what}`, async () => {
      await page.evaluate(() => (window.__seen.longest = 0));
      await server.change(change);
      await playsOn(5);
      const { fatal, longest } = await page.evaluate(() => window.__seen);
      assert.deepEqual(fatal, []);
      assert.ok(longest < STANDSTILL, `the picture stood still for ${Math.round(longest)} ms`);
      assert.ok(server.isPublishing, 'the publisher was cut off');
    });
  }

  it('is heard when it reports by CMCD, in header fields or in the address', async () => {
    await server.change(({ metrics }) => (metrics.enable = true));
    const figure = async (name) => {
      const text = await (await fetch(`${server.page}metrics`)).text();
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? NaN);
    };
    assert.equal(await figure('nixcast_players_reporting'), 0, 'hls.js with its defaults says nothing');
    for (const [at, way] of ['fields', 'address'].entries()) {
      const other = await (await browser.newContext()).newPage();
      await other.goto(`http://127.0.0.1:${elsewhere.address().port}/?cmcd=${way}#${server.page}hls/stream.m3u8`);
      await playsOn(2, other);
      assert.deepEqual((await other.evaluate(() => window.__seen)).fatal, []);
      await until(`a report in the ${way}`, PLAYS_WITHIN, async () => (await figure('nixcast_players_reporting')) === at + 1);
      await other.context().close();
    }
    const measured = 'nixcast_player_throughput_bits_per_second\\{of="lowest"\\}';
    await until('what they measured', PLAYS_WITHIN, async () => (await figure(measured)) > 0);
  });
});
