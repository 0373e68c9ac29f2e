// latency.js [--beside RTMP_PORT HLS_FOLDER] [NAME...]: glass-to-glass latency in a real browser. A publisher burns the
// wall clock into its picture as a bar code; the page's video is read back through a canvas. Prints one JSON object a
// line for each case, times in seconds. With --beside it also plays what another server makes of the same picture: it
// takes RTMP at that port and writes HLS to that folder, which a page with hls.js as it comes plays.

import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { PASSTHROUGH, root, rung, Server, until } from './server.js';
import { DESKTOP, launch } from './viewer.js';

/** Seconds of the broadcast before anybody comes: playlists are as long as they will be. */
const WARM_UP = 14;
/** Seconds that a player is given to come to rest, and that it is measured. */
const SETTLES = 5;
const MEASURED = 25;
/** Looks at the picture in a second. */
const LOOKS = 5;
const PLAYS_WITHIN = 40_000;

/** Names, and the ladder and latency level of each. */
const CASES = [
  ...[0, 1, 2, 3, 4].map((level) => [`level-${level}-pass-through`, level, PASSTHROUGH]),
  ['level-0-encoded', 0, { ...rung('360p', 360, 800), preset: 'superfast' }],
];

/** Units of the clock in a second, and the seconds after which its 16 bits begin anew. */
const UNITS = 50;
const ROUND = 65_536 / UNITS;

/** The picture: 16 bars of 40 by 16 pixels, the lowest bit on the left, above something that moves. */
function clockPicture() {
  const bit = `bitand(trunc(mod(time(0),${ROUND})*${UNITS}/pow(2,trunc(X/40))),1)`;
  const bars = `color=black:s=640x16:r=30,format=gray,geq=lum='if(${bit},235,16)',format=yuv420p`;
  return `testsrc2=s=640x344:r=30[scene];${bars}[bars];[bars][scene]vstack,format=yuv420p[out0];sine=f=440:r=48000[out1]`;
}

/** Sends that picture as an encoder tuned for latency does, with a keyframe every two seconds. */
function publish(url) {
  const video = ['-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-b:v', '800k', '-maxrate', '800k'];
  const grid = ['-bufsize', '800k', '-g', '60', '-keyint_min', '60', '-sc_threshold', '0'];
  const audio = ['-c:a', 'aac', '-b:a', '96k', '-ac', '2'];
  const source = ['-re', '-f', 'lavfi', '-i', clockPicture()];
  const args = ['-v', 'error', '-nostdin', ...source, ...video, ...grid, ...audio, '-f', 'flv', url];
  return spawn('ffmpeg', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function stop(child) {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** Runs in the page before its own scripts: when the picture first moved, and how often it stopped after that. */
function watch() {
  const seen = { playing: null, stalls: 0, isWatching: false };
  window.__watched = seen;
  document.addEventListener('playing', () => (seen.playing ??= performance.now() / 1000), true);
  document.addEventListener('waiting', () => (seen.stalls += seen.isWatching ? 1 : 0), true);
}

/** Runs in the page: the age of the picture in seconds, or null while there is none. */
function look({ units, round }) {
  const video = document.querySelector('video[data-active="true"]') ?? document.querySelector('video');
  if (!video || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
  const canvas = (window.__canvas ??= new OffscreenCanvas(640, 16));
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(video, 0, 0, video.videoWidth, (video.videoHeight * 16) / 360, 0, 0, 640, 16);
  const { data } = context.getImageData(0, 8, 640, 1);
  let clock = 0;
  for (let bit = 0; bit < 16; bit++) if (data[(bit * 40 + 20) * 4] > 127) clock |= 1 << bit;
  const age = ((Date.now() / 1000) % round) - clock / units;
  const { droppedVideoFrames, totalVideoFrames } = video.getVideoPlaybackQuality();
  return { age: age < -round / 2 ? age + round : age, dropped: droppedVideoFrames, frames: totalVideoFrames };
}

async function measure(browser, name, address) {
  const context = await browser.newContext(DESKTOP);
  const page = await context.newPage();
  await page.addInitScript(watch);
  await page.goto(address);
  await until('a moving picture', PLAYS_WITHIN, () => page.evaluate(() => window.__watched.playing));
  await pause(SETTLES);
  await page.evaluate(() => (window.__watched.isWatching = true));
  const looks = [];
  for (let at = 0; at < MEASURED * LOOKS; at++) {
    const seen = await page.evaluate(look, { units: UNITS, round: ROUND });
    if (seen !== null) looks.push(seen);
    await pause(1 / LOOKS);
  }
  const { playing, stalls } = await page.evaluate(() => window.__watched);
  await context.close();
  const ages = looks.map(({ age }) => age).sort((a, b) => a - b);
  const { dropped, frames } = looks.at(-1);
  const [min, median, max] = [ages[0], ages[ages.length >> 1], ages.at(-1)];
  console.log(JSON.stringify({ name, min, median, max, stalls, dropped, frames, start: playing }));
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function ours(browser, cases) {
  const server = await Server.start();
  try {
    for (const [name, level, ladder] of cases) {
      // What is declared already changes nothing, and nothing would come of waiting for it.
      const wanted = { latencyLevel: level, variants: [ladder] };
      const isDeclared = Object.entries(wanted).every(([leaf, value]) => isDeepStrictEqual(server.settings.video[leaf], value));
      if (!isDeclared) await server.change(({ video }) => Object.assign(video, wanted));
      const publisher = publish(`rtmp://127.0.0.1:${server.settings.rtmp.port}/live/${server.key}`);
      try {
        await until('a playable broadcast', PLAYS_WITHIN, () => server.broadcast());
        await pause(WARM_UP);
        await measure(browser, name, server.page);
      } finally {
        await stop(publisher);
        await until('the end of the broadcast', PLAYS_WITHIN, async () => (await server.broadcast()) === null);
      }
    }
  } finally {
    await server.close();
  }
}

const PLAYER = `<!doctype html><html lang="en"><title>Beside</title><video muted></video>
<script src="/hls.min.js"></script><script src="/play.js"></script></html>`;

/** Runs in the other page. */
function play() {
  const hls = new window.Hls();
  hls.loadSource('/hls/bench.m3u8');
  hls.attachMedia(document.querySelector('video'));
  document.querySelector('video').play();
}

/** A page with hls.js as it comes, and what the other server writes. */
async function site(folder) {
  const player = await readFile(join(root, 'agent/web/node_modules/hls.js/dist/hls.min.js'));
  const texts = { '/': ['text/html', PLAYER], '/hls.min.js': ['text/javascript', player], '/play.js': ['text/javascript', `(${play})()`] };
  const server = createServer(({ url }, reply) => {
    const [type, text] = texts[url] ?? ['application/octet-stream', null];
    if (text !== null) return reply.writeHead(200, { 'content-type': type }).end(text);
    const file = createReadStream(join(folder, basename(url)));
    file.on('error', () => reply.writeHead(404).end());
    file.on('open', () => file.pipe(reply.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' })));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function beside(browser, port, folder) {
  const publisher = publish(`rtmp://127.0.0.1:${port}/live/bench`);
  const server = await site(folder);
  try {
    await until('the other playlist', PLAYS_WITHIN, () => readFile(join(folder, 'bench.m3u8')).catch(() => null));
    await pause(WARM_UP);
    await measure(browser, 'beside', `http://127.0.0.1:${server.address().port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
    await stop(publisher);
  }
}

const words = process.argv.slice(2);
const other = words[0] === '--beside' ? words.splice(0, 3) : null;
const unknown = words.find((word) => !CASES.some(([name]) => name === word));
if (unknown !== undefined) throw new Error(`no case ${unknown}; there are ${CASES.map(([name]) => name).join(', ')}`);
const browser = await launch();
try {
  await ours(browser, CASES.filter(([name]) => words.length === 0 || words.includes(name)));
  if (other !== null) await beside(browser, Number(other[1]), other[2]);
} finally {
  await browser.close();
}
