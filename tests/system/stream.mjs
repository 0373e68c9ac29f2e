// A publisher in the machine's network, and what its broadcast looks like from outside.

import assert from 'node:assert/strict';

import { until } from './guest.mjs';

/** Milliseconds from a publisher's start to a playable broadcast, on a machine that also encodes. */
const LIVE_WITHIN = 60_000;

/** Milliseconds of a segment: a keyframe each second, and the settings ask for no more. */
const SEGMENT = 1000;

const ENCODE = '-re -f lavfi -i testsrc2=size=320x180:rate=15 -f lavfi -i sine -c:v libx264 -preset ultrafast -g 15 -pix_fmt yuv420p -c:a aac -ac 1 -f flv';

export class Broadcast {
  constructor(guest, key) {
    this.guest = guest;
    this.said = '';
    const command = ['ffmpeg', '-hide_banner', '-nostdin', '-nostats', '-loglevel', 'warning', ...ENCODE.split(' ')];
    this.publisher = guest.spawnInNetwork([...command, `rtmp://127.0.0.1/live/${key}`], ['ignore', 'ignore', 'pipe']);
    this.publisher.stderr.on('data', (text) => (this.said += text));
    this.ended = new Promise((resolve) => this.publisher.once('exit', resolve));
  }

  /** Starts to publish and waits until viewers of every rung can play. */
  static async start(guest, key, port) {
    const broadcast = new Broadcast(guest, key);
    await until(`a broadcast (${broadcast.said})`, LIVE_WITHIN, async () => {
      if (!broadcast.goesOn()) throw new Error(`the publisher was sent away: ${broadcast.said}`);
      const playlists = await broadcast.playlists(port);
      return playlists.length === 3 && playlists.every(({ last }) => last >= 0);
    });
    return broadcast;
  }

  goesOn() {
    return this.publisher.exitCode === null && this.publisher.signalCode === null;
  }

  async stop() {
    this.publisher.kill('SIGTERM');
    await this.ended;
  }

  /** The media playlists of all variants as a viewer gets them. */
  async playlists(port) {
    const base = `http://127.0.0.1:${port}/hls/`;
    const listed = await this.guest.get(`${base}stream.m3u8`);
    if (listed?.status !== 200) return [];
    const names = listed.text.split('\n').filter((line) => line && !line.startsWith('#'));
    const playlists = [];
    for (const name of names) {
      const { status, text } = await this.guest.get(new URL(name, base).href);
      assert.equal(status, 200, name);
      const first = Number(/#EXT-X-MEDIA-SEQUENCE:(\d+)/.exec(text)?.[1] ?? 0);
      const times = [...text.matchAll(/#EXT-X-PROGRAM-DATE-TIME:(\S+)/g)].map(([, moment]) => Date.parse(moment));
      playlists.push({ name, text, last: first + times.length - 1, lastTime: times.at(-1) });
    }
    return playlists;
  }

  /** What must not change while the broadcast goes on. */
  async mark(port) {
    const { broadcast } = await this.guest.status();
    return {
      engine: await this.guest.mainPid('nixcast-engine'),
      session: broadcast.session,
      startedAt: broadcast.startedAt,
      playlists: await this.playlists(port),
    };
  }

  /** Since `mark` nobody was cut off, and three more segments have come in every playlist that was there. */
  async assertGoesOn(mark, port) {
    const { broadcast } = await this.guest.status();
    assert.equal(await this.guest.mainPid('nixcast-engine'), mark.engine, 'another engine runs');
    assert.equal(broadcast?.session, mark.session, 'the publisher had to connect again');
    assert.equal(broadcast.startedAt, mark.startedAt, 'another broadcast began');
    await until('three more segments', LIVE_WITHIN, async () => {
      assert.ok(this.goesOn(), `the publisher was sent away: ${this.said}`);
      const now = await this.playlists(port);
      return mark.playlists.every((before) => {
        const after = now.find(({ name }) => name === before.name);
        assert.ok(after, `${before.name} is gone`);
        assert.doesNotMatch(after.text, /#EXT-X-(DISCONTINUITY|GAP)\b/, before.name);
        // By their own clock: a hole between two looks would be seen, however far apart they are.
        const missing = after.lastTime - before.lastTime - (after.last - before.last) * SEGMENT;
        assert.ok(Math.abs(missing) < SEGMENT / 2, `${before.name} lacks ${missing} ms`);
        return after.last >= before.last + 3;
      });
    });
  }
}
