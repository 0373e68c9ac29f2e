// The real binary on free loopback ports, and a publisher that copies a clip: what a page needs to be looked at.

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const root = resolve(import.meta.dirname, '../..');
const binary = process.env.NIXCAST_BIN ?? join(root, 'build/nixcast');

/** Milliseconds a settings change may take from the file to convergence. */
const CONVERGED_WITHIN = 20_000;

/** Milliseconds from a publisher's start to a playable broadcast, on a machine that also encodes. */
const LIVE_WITHIN = 45_000;

/** Asks again and again until `probe` answers something true; fails with `what` after `limit` milliseconds. */
export async function until(what, limit, probe) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${limit} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const PASSTHROUGH = {
  name: 'source',
  enable: true,
  passthrough: true,
  width: null,
  height: null,
  framerate: null,
  videoBitrateKbps: 2500,
  audioBitrateKbps: 128,
  preset: 'ultrafast',
  order: 1,
};

/** A transcoded rung. */
export function rung(name, height, videoBitrateKbps) {
  return { ...PASSTHROUGH, name, passthrough: false, height, videoBitrateKbps, order: 2 };
}

function settings(ports, streamKey) {
  return {
    apiVersion: 'nixcast/v1',
    publicUrl: null,
    http: { address: '127.0.0.1', port: ports[0], trustedProxies: [] },
    rtmp: { address: '127.0.0.1', port: ports[1] },
    rtmps: { enable: false, address: '127.0.0.1', port: 1936, certificateFile: null, keyFile: null },
    streamKeys: [streamKey],
    admin: { user: 'admin', passwordFile: null },
    instance: {
      name: 'Harbour',
      summary: 'Ships coming and going, live.',
      logo: join(root, 'examples/logo.svg'),
      tags: ['sea', 'ships'],
      socialHandles: [{ platform: 'mastodon', url: 'https://example.org/@harbour' }],
      offlineMessage: 'The next tide is at nine.',
      pageContent: '',
      customCss: '',
      customJavascript: '',
      externalActions: [],
      searchIndexing: true,
      showViewerCount: true,
      autoplay: 'always',
      nsfw: false,
      theme: {
        background: null,
        surface: null,
        text: null,
        mutedText: null,
        accent: null,
        accentText: null,
        cornerRadius: null,
      },
    },
    // Seconds in the buffer: with less, a machine that also compiles is late now and then. latency.test.js is about that.
    video: { latencyLevel: 3, variants: [PASSTHROUGH], encoder: 'x264', whenOverloaded: 'dropHighest', stills: true },
    broadcast: { graceSeconds: 0, takeover: 'whenSilent' },
    chat: {
      enable: true,
      joinMessages: true,
      welcomeMessage: '',
      establishedUsersOnly: false,
      establishedAfterMinutes: 15,
      forbiddenNames: ['owncast', 'operator', 'admin', 'system'],
      suggestedNames: [],
      spamProtection: true,
      slowModeSeconds: 0,
      maxMessageBytes: 2048,
      historyMessages: 50,
      historyHours: 2,
      questions: true,
      emojiFolder: null,
      moderators: [],
    },
    webhooks: [],
    integrations: { accessTokens: [] },
    metrics: { enable: false, allowFrom: ['127.0.0.1'] },
    reconcile: { intervalSeconds: 5, timeoutSeconds: 60, onDrift: 'heal' },
  };
}

/** A port nobody listens on, below the range from which the kernel takes the near ends of connections. */
async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 10_000);
    const isFree = await new Promise((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

function start(command, args, log, env = {}) {
  const output = openSync(log, 'w');
  const child = spawn(command, args, { stdio: ['ignore', output, output], env: { ...process.env, ...env } });
  closeSync(output);
  return child;
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 8000);
  await ended;
  clearTimeout(timer);
}

/** A clip that is encoded once for all runs and then only copied: 640x360, a keyframe each second. */
async function testClip() {
  const file = join(tmpdir(), `nixcast-browser-${process.getuid?.()}.flv`);
  if (existsSync(file)) return file;
  const unfinished = `${file}.${process.pid}`;
  await encode('testsrc2=size=640x360:rate=30[out0];sine=frequency=440:sample_rate=48000[out1]', 60, 800, unfinished);
  await rename(unfinished, file);
  return file;
}

/** A clip of another size. */
async function smallClip(file) {
  await encode('testsrc2=size=480x270:rate=30[out0];sine=frequency=660:sample_rate=48000[out1]', 20, 500, file);
  return file;
}

/** The demo's own picture, as it is now: 1280x720. */
async function demoClip(file) {
  const { stdout } = await run(join(root, 'tests/setup/picture'));
  await encode(stdout.trim(), 20, 4000, file);
  return file;
}

async function encode(graph, seconds, kbps, file) {
  const inputs = ['-f', 'lavfi', '-i', graph, '-t', `${seconds}`];
  const video = ['-c:v', 'libx264', '-preset', 'superfast', '-pix_fmt', 'yuv420p', '-b:v', `${kbps}k`];
  const grid = ['-g', '30', '-keyint_min', '30', '-sc_threshold', '0', '-bf', '0'];
  const audio = ['-c:a', 'aac', '-b:a', '96k', '-ac', '2'];
  await run('ffmpeg', ['-v', 'error', '-y', ...inputs, ...video, ...grid, ...audio, '-f', 'flv', file]);
}

export class Server {
  /** Starts the binary and waits until it has converged. */
  static async start() {
    const server = new Server();
    server.folder = await mkdtemp(join(tmpdir(), 'nixcast-browser-'));
    const main = await server.declareKey('main');
    server.key = (await readFile(main.keyFile, 'utf8')).trim();
    server.settings = settings([await freePort(), await freePort()], main);
    server.file = join(server.folder, 'settings.json');
    server.state = join(server.folder, 'state');
    await server.#write();
    const args = ['run', '--settings', server.file, '--state-dir', server.state];
    server.log = join(server.folder, 'log');
    server.process = start(binary, args, server.log);
    await until('a fresh server to converge', CONVERGED_WITHIN, () => server.#isConverged(0));
    return server;
  }

  get page() {
    return `http://127.0.0.1:${this.settings.http.port}/`;
  }

  /** A stream key with a new secret in a file of its own, not yet part of the settings. */
  async declareKey(name) {
    const keyFile = join(this.folder, `${name}.key`);
    await writeFile(keyFile, `${randomBytes(16).toString('hex')}\n`, { mode: 0o600 });
    return { name, keyFile, comment: '', enable: true, expires: null };
  }

  /** Declares an admin, and gives what asks in their name: `(path, body)`. */
  async declareAdmin(password = randomBytes(9).toString('hex')) {
    const passwordFile = join(this.folder, 'admin.password');
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    await this.change(({ admin }) => (admin.passwordFile = passwordFile));
    const authorization = `Basic ${Buffer.from(`${this.settings.admin.user}:${password}`).toString('base64')}`;
    return async (path, body) => {
      const headers = { authorization, 'content-type': 'application/json' };
      const reply = await fetch(`${this.page}api/admin/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
      if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
    };
  }

  /** Changes the settings file and waits for nothing. */
  async write(change) {
    change(this.settings);
    await this.#write();
  }

  /** Changes the settings file and waits until the change runs. */
  async change(change) {
    const { accepted } = await this.status();
    await this.write(change);
    await until('the changed settings to converge', CONVERGED_WITHIN, () => this.#isConverged(accepted.generation));
  }

  /** Process id of the engine: the child that `nixcast run` starts again when it dies; null while there is none. */
  async enginePid() {
    const tasks = `/proc/${this.process.pid}/task`;
    const lists = (await readdir(tasks)).map((task) => readFile(join(tasks, task, 'children'), 'utf8').catch(() => ''));
    const children = (await Promise.all(lists)).join(' ').split(' ').filter(Boolean);
    for (const child of children) {
      const words = await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '');
      if (words.split('\0')[1] === 'engine') return Number(child);
    }
    return null;
  }

  /** Process id of the worker that encodes now, or null. */
  async workerPid() {
    return (await this.status()).broadcast?.workerPid ?? null;
  }

  async status() {
    const env = { ...process.env, NIXCAST_AGENT_SOCKET: join(this.state, 'agent.sock') };
    const { stdout, code } = await run(binary, ['status', '--json'], { env }).then(
      ({ stdout }) => ({ stdout, code: 0 }),
      (error) => ({ stdout: error.stdout ?? '', code: error.code }),
    );
    try {
      return { ...JSON.parse(stdout), code };
    } catch {
      return { accepted: null, code };
    }
  }

  /** Puts a publisher on air and waits until its broadcast can be played. */
  async publish({ isDemo = false, isSmall = false } = {}) {
    const url = `rtmp://127.0.0.1:${this.settings.rtmp.port}/live/${this.key}`;
    let clip;
    if (isDemo) clip = await demoClip(join(this.folder, 'demo.flv'));
    else clip = await (isSmall ? smallClip(join(this.folder, 'small.flv')) : testClip());
    const source = ['-re', '-stream_loop', '-1', '-i', clip, '-c', 'copy', '-f', 'flv', url];
    this.publisher = start('ffmpeg', ['-hide_banner', '-nostdin', ...source], join(this.folder, 'publisher.log'));
    await until('a playable broadcast', LIVE_WITHIN, async () => {
      const broadcast = await this.broadcast().catch(() => null);
      return broadcast !== null && broadcast.reconnecting === null;
    });
  }

  /** What the page is told of the broadcast, or null. */
  async broadcast() {
    const reply = await fetch(`${this.page}api/page`);
    return (await reply.json()).broadcast;
  }

  /** Takes the publisher away in the middle of a word: no goodbye is said. */
  async losePublisher() {
    if (!this.isPublishing) return;
    const ended = new Promise((resolve) => this.publisher.once('exit', resolve));
    this.publisher.kill('SIGKILL');
    await ended;
  }

  async unpublish() {
    if (this.publisher) await stop(this.publisher);
  }

  get isPublishing() {
    return this.publisher?.exitCode === null && this.publisher.signalCode === null;
  }

  async close() {
    await this.unpublish();
    await stop(this.process);
    await rm(this.folder, { recursive: true, force: true });
  }

  /** What the server has logged, for a test that failed. */
  async story() {
    return (await readFile(this.log, 'utf8')).split('\n').slice(-30).join('\n');
  }

  /** A new file in place of the old: no reader sees half of it. */
  async #write() {
    await writeFile(`${this.file}.new`, JSON.stringify(this.settings, null, 2));
    await rename(`${this.file}.new`, this.file);
  }

  async #isConverged(after) {
    if (this.process.exitCode !== null) throw new Error(`nixcast ended:\n${await this.story()}`);
    const { accepted, source, code } = await this.status();
    // The settings of a moment ago may still be the accepted ones; a refusal is always about those in the file.
    if (source?.refusal) throw new Error(`settings refused: ${JSON.stringify(source.refusal)}`);
    return code === 0 && accepted !== null && accepted.generation > after;
  }
}
