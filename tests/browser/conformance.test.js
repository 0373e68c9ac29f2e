// Conformance: every feature of our playlists through two parsers that know low-latency HLS, and every kind of segment
// through two readers of CMAF. Both have to see the same, and what they see has to be right (RFC 8216bis).

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readMedia, readMultivariant, readWithFfprobe, readWithMp4box } from './readers.js';
import { rung, Server, until } from './server.js';

/** Milliseconds for a change of the stream to show in a playlist, on a machine that also encodes. */
const SHOWN_WITHIN = 60_000;

/** Seconds that a program date-time may be off the sum of durations before it: it is written in milliseconds. */
const CLOCK = 0.05;

/** Seconds that durations in a playlist may be off: they are written in microseconds. */
const ROUNDING = 1e-4;

/** Least part of the part target that a part has to last, the last of its segment aside (section 4.4.4.9). */
const LEAST_PART = 0.85;

/** Segments after which a delta update leaves something out: more than six target durations. */
const ENOUGH_TO_SKIP = 9;

const SOURCE = 'video/source/stream.m3u8';
const LOW = 'video/low/stream.m3u8';
const SOUND = 'audio/stream.m3u8';
const TRACKS = [SOURCE, LOW, SOUND];

// What a parser says of playlists that are right.
const NO_DISCONTINUITY_YET = 'defaulting discontinuity sequence to zero';
const NO_BLOCKING_RELOAD = '#EXT-X-SERVER-CONTROL defaulting CAN-BLOCK-RELOAD to false';
// While nobody publishes there is nothing to wait for, so we offer no blocking reload and hint at no part. Both belong
// to the profile for low-latency servers (appendix B.1); hls-parser asks for them at all times.
const BLOCKING_RELOAD_MISSED =
  'Invalid Playlist : EXT-X-SERVER-CONTROL: CAN-BLOCK-RELOAD=YES is mandatory for Low-Latency HLS';
const HINT_MISSED =
  'Invalid Playlist : If the Playlist contains EXT-X-PART tags and does not contain an EXT-X-ENDLIST tag, ' +
  'the Playlist must contain an EXT-X-PRELOAD-HINT tag with a TYPE=PART attribute';
// hls-parser takes three segments for three target durations, and a preload hint for a segment. We count seconds.
const PARTS_COUNTED_BY_SEGMENT =
  'Invalid Playlist : Remove EXT-X-PART tags from the Playlist after they are greater than three target durations ' +
  'from the end of the Playlist.';

const total = (list) => list.reduce((sum, { duration }) => sum + duration, 0);
const near = (one, other, tolerance, what) =>
  assert.ok(Math.abs(one - other) <= tolerance, `${what}: ${one} is not ${other}`);

/** Whether a segment stands for time that was lost. Only hls-parser knows `EXT-X-GAP`, so we go by our own address. */
const isGap = ({ uri }) => uri.startsWith('gap-');

/** How far a playlist is, as one number that grows: a segment's number, and how many of its parts are there. */
function edge({ segments, open }) {
  const { msn, parts } = segments.at(-1);
  return open ? position(msn + 1, open.parts.length - 1) : position(msn, parts.length - 1);
}

const position = (msn, part) => msn * 1000 + part;

/** The part that comes next: its segment's number and its place there. */
const next = ({ segments, open }) => ({ msn: segments.at(-1).msn + 1, part: open ? open.parts.length : 0 });

/** Everything that holds of every playlist of ours at any time. */
function assertRight(said) {
  const { version, targetDuration, partTarget, control, segments, open, skipped, isEnded, hint } = said;
  assert.equal(version, skipped > 0 ? 9 : segments.some(isGap) ? 8 : 7);
  assert.ok(control.holdBack >= 3 * targetDuration);
  assert.ok(control.partHoldBack >= 3 * partTarget);
  assert.ok(control.canSkipUntil >= 6 * targetDuration);
  assert.equal(segments[0].msn, said.mediaSequence + skipped);

  for (const [index, segment] of segments.entries()) {
    const { msn, uri, duration, parts, at, era } = segment;
    assert.ok(duration > 0 && Math.round(duration) <= targetDuration, `${uri} lasts ${duration} s`);
    if (parts.length > 0) near(total(parts), duration, ROUNDING, `the parts of ${uri}`);
    assertParts(parts, uri, partTarget);
    const before = segments[index - 1];
    const goesOn = before?.era === era && ![before, segment].some(isGap);
    if (goesOn) near(before.at + before.duration, at, CLOCK, `time of ${msn}`);
  }
  // The tag may go from what is further than three target durations from the end, and is there for what is nearer.
  const withParts = segments.filter(({ parts }) => parts.length > 0);
  const listed = total(withParts) + total(open?.parts ?? []);
  assert.ok(listed <= 3 * targetDuration + ROUNDING, `parts of ${listed} s`);

  if (open) assertParts([...open.parts, { duration: 0 }], null, partTarget);
  if (isEnded || !control.canBlockReload) assert.equal(hint, undefined);
  else assert.match(hint, new RegExp(`-${next(said).msn}\\.${next(said).part}\\.m4s$`));
}

/** Parts of one segment. `uri` is that segment's, if it is complete. */
function assertParts(parts, uri, partTarget) {
  for (const [index, part] of parts.entries()) {
    assert.ok(part.duration <= partTarget, `a part of ${part.duration} s`);
    if (index < parts.length - 1) assert.ok(part.duration >= LEAST_PART * partTarget, `a part of ${part.duration} s`);
    if (index === 0 && part.uri) assert.equal(part.independent, true, `${part.uri} begins a segment`);
    if (uri) assert.equal(part.uri, uri.replace('.m4s', `.${index}.m4s`));
  }
}

/** A media playlist that both parsers read alike, right in everything, without complaints that are new. */
function understood(text) {
  const { said, complaints } = readMedia(text);
  try {
    const [one, other] = said;
    assert.deepEqual(one, other);
    assertRight(one);
    const atAnyTime = [NO_DISCONTINUITY_YET, PARTS_COUNTED_BY_SEGMENT];
    const whilePaused = one.control.canBlockReload ? [] : [NO_BLOCKING_RELOAD, BLOCKING_RELOAD_MISSED, HINT_MISSED];
    assert.deepEqual(complaints.filter((line) => ![...atAnyTime, ...whilePaused].includes(line)), []);
    return one;
  } catch (error) {
    error.message += `\n${text}`;
    throw error;
  }
}

describe('playlists and segments in the eyes of others', { timeout: 400_000 }, () => {
  let server;
  before(async () => {
    server = await Server.start();
    await server.change(({ video, broadcast }) => {
      video.latencyLevel = 0;
      video.variants.push(rung('low', 180, 200));
      broadcast.graceSeconds = 120;
    });
    await server.publish();
    for (const track of TRACKS) await grown(track, ({ segments }) => segments.length >= ENOUGH_TO_SKIP);
  });
  after(() => server?.close());

  const address = (path, from = '') => new URL(path, `${server.page}hls/${from}`);
  async function bytes(path, from) {
    const reply = await fetch(address(path, from));
    assert.equal(reply.status, 200, `${path} of ${from}`);
    return Buffer.from(await reply.arrayBuffer());
  }
  const text = async (path) => (await bytes(path)).toString();
  const media = async (path) => understood(await text(path));

  /** Waits until the playlist is as `isThere` wants it; every one of them on the way has to be right, too. */
  const grown = (path, isThere) =>
    until(`${path} to get there`, SHOWN_WITHIN, async () => {
      const said = await media(path);
      return isThere(said) && said;
    });

  async function multivariant() {
    const { said, complaints } = readMultivariant(await text('stream.m3u8'));
    assert.deepEqual(said[0], said[1]);
    assert.deepEqual(complaints, []);
    return said[0];
  }

  it('the multivariant playlist', async () => {
    const { version, independent, variants } = await multivariant();
    assert.equal(version, 7);
    assert.equal(independent, true);
    assert.deepEqual(variants.map(({ uri }) => uri), [SOURCE, LOW]);
    const sizes = variants.map(({ resolution: { width, height }, frameRate }) => [width, height, frameRate]);
    assert.deepEqual(sizes, [[640, 360, 30], [320, 180, 30]]);
    for (const { bandwidth, average, sounds } of variants) {
      assert.ok(bandwidth >= average && average > 0);
      assert.deepEqual(sounds, [SOUND]);
    }
  });

  for (const track of TRACKS) {
    it(`${track}: as it is`, async () => {
      const said = await media(track);
      assert.equal(said.control.canBlockReload, true);
      assert.equal(said.targetDuration, 1);
      assert.equal(said.independent, true);
      assert.equal(said.discontinuitySequence, 0);
      assert.ok(said.segments.every(({ map }) => map === said.segments[0].map));
      assert.ok(said.segments.at(-1).parts.length >= 4);
      assert.ok((await bytes(said.hint, track)).length > 0, 'the hinted part comes');
    });

    it(`${track}: reports of the others`, async () => {
      const others = TRACKS.filter((other) => other !== track);
      const edges = () => Promise.all(others.map(async (other) => edge(await media(other))));
      const earlier = await edges();
      const { reports } = await media(track);
      const later = await edges();
      const reported = new Map(reports.map(({ uri, ...rest }) => [address(uri, track).href, rest]));
      assert.equal(reported.size, others.length);
      for (const [index, other] of others.entries()) {
        const { msn, part } = reported.get(address(other).href);
        const at = position(msn, part);
        assert.ok(at >= earlier[index] && at <= later[index], `${other}: ${earlier[index]} ${at} ${later[index]}`);
      }
    });

    it(`${track}: blocking reloads`, async () => {
      let said = await media(track);
      // More than a segment's worth, so that parts within and at the end of a segment are asked for.
      for (let turn = 0; turn < 7; turn += 1) {
        const { msn, part } = next(said);
        said = await media(`${track}?_HLS_msn=${msn}&_HLS_part=${part}`);
        assert.ok(edge(said) >= position(msn, part), `${msn}.${part} was asked for`);
      }
      const { msn } = next(said);
      const whole = await media(`${track}?_HLS_msn=${msn}`);
      assert.ok(whole.segments.at(-1).msn >= msn);
    });

    it(`${track}: a delta update`, async () => {
      const whole = await media(track);
      const { msn, part } = next(whole);
      const delta = await media(`${track}?_HLS_msn=${msn}&_HLS_part=${part}&_HLS_skip=YES`);
      assert.ok(delta.skipped > 0);
      assert.ok(total(delta.segments) >= delta.control.canSkipUntil, 'something near the end is left out');
      const known = new Map(whole.segments.map(({ msn, uri, duration, at, era }) => [msn, { uri, duration, at, era }]));
      const again = delta.segments.filter((segment) => known.has(segment.msn));
      assert.ok(again.length > 0);
      for (const { msn, uri, duration, at, era } of again) assert.deepEqual({ uri, duration, at, era }, known.get(msn));
    });

    it(`${track}: segments and parts`, async () => {
      const { segments } = await grown(track, ({ segments }) => segments.at(-2).parts.length > 0);
      const { variants } = await multivariant();
      const [pictures, sound] = (variants.find(({ uri }) => uri === track) ?? variants[0]).codecs.split(',');
      let end = null;
      for (const { map, uri, parts, duration } of segments.slice(-2)) {
        const init = await bytes(map, track);
        const pieces = await Promise.all(parts.map((part) => bytes(part.uri, track)));
        const file = Buffer.concat([init, ...pieces]);
        assert.deepEqual(file, Buffer.concat([init, await bytes(uri, track)]), `${uri} is its parts`);

        const seen = readWithMp4box(file);
        assert.deepEqual(seen.boxes.slice(0, 2), ['ftyp', 'moov']);
        const media = seen.boxes.filter((type) => type === 'moof' || type === 'mdat');
        assert.deepEqual(media, parts.flatMap(() => ['moof', 'mdat']));
        assert.equal(seen.codec, track === SOUND ? sound : pictures);
        assert.equal(seen.fragments.length, parts.length);
        for (const [index, { tfdt, ticks, isIndependent }] of seen.fragments.entries()) {
          assert.equal(tfdt, end ?? tfdt, 'no hole and no overlap');
          near(ticks / seen.timescale, parts[index].duration, ROUNDING, parts[index].uri);
          assert.equal(isIndependent, parts[index].independent, parts[index].uri);
          end = tfdt + ticks;
        }
        near((end - seen.fragments[0].tfdt) / seen.timescale, duration, ROUNDING, uri);

        const path = join(server.folder, 'piece.mp4');
        await writeFile(path, file);
        const probed = await readWithFfprobe(path);
        assert.equal(probed.complaints, '');
        const [stream, ...more] = probed.streams;
        assert.equal(more.length, 0);
        const packets = probed.packets.map(({ dts, flags }) => [dts, flags[0] === 'K']);
        assert.deepEqual(packets, seen.samples.map(({ dts, is_sync }) => [dts, is_sync]));
        assert.equal(stream.time_base, `1/${seen.timescale}`);
        if (track === SOUND) assert.deepEqual([stream.codec_name, stream.profile], ['aac', 'LC']);
        else assert.deepEqual([stream.codec_tag_string, stream.level], ['avc1', parseInt(seen.codec.slice(-2), 16)]);
      }
    });
  }

  it('a publisher is lost, and comes back', async () => {
    await server.losePublisher();
    for (const track of TRACKS) await grown(track, ({ control, isEnded }) => !control.canBlockReload && !isEnded);
    await server.publish();
    for (const track of TRACKS) {
      const isOn = ({ segments, control }) => control.canBlockReload && segments.at(-1).era === 1;
      const { discontinuitySequence, segments } = await grown(track, isOn);
      assert.equal(discontinuitySequence, 0);
      const [before, after] = [0, 1].map((era) => segments.filter((segment) => segment.era === era));
      assert.ok(before.length > 0);
      assert.ok(after[0].at > before.at(-1).at + before.at(-1).duration, 'the time of the break is missing');
      assert.notEqual(after[0].map, before.at(-1).map);
    }
  });

  it('the discontinuity leaves the playlists', async () => {
    for (const track of TRACKS) {
      const { segments } = await grown(track, ({ discontinuitySequence }) => discontinuitySequence === 1);
      assert.ok(segments.every(({ era }) => era === 1));
    }
  });

  it('a rung is removed, and goes on for those who watch it', async () => {
    await server.change(({ video }) => (video.variants = video.variants.filter(({ name }) => name !== 'low')));
    const isGone = async () => (await multivariant()).variants.length === 1;
    await until('a multivariant playlist without it', SHOWN_WITHIN, isGone);
    const fed = ({ segments }) => segments.at(-1).uri.startsWith('../source/');
    const { segments } = await grown(LOW, fed);
    const [own, lent] = [segments.find((segment) => !fed({ segments: [segment] })), segments.at(-1)];
    assert.equal(own.era, lent.era);
    assert.notEqual(own.map, lent.map);
    for (const path of [lent.map, lent.uri, ...lent.parts.map(({ uri }) => uri)]) await bytes(path, LOW);
  });

  /** What a request meets while there is no engine, or none that knows the playlist yet. */
  function answersLater(error) {
    if (error instanceof TypeError || error.actual !== 200) return null;
    throw error;
  }

  it('an engine dies, and its successor lists a gap', async () => {
    const last = new Map();
    for (const track of [SOURCE, SOUND]) last.set(track, (await media(track)).segments.at(-1));
    process.kill(await server.enginePid(), 'SIGKILL');
    for (const [track, { msn, era }] of last) {
      await until(`${track} again`, SHOWN_WITHIN, () => text(track).then(understood, answersLater));
      const { segments, control } = await media(track);
      assert.equal(control.canBlockReload, false);
      assert.ok(segments.every(isGap));
      assert.ok(segments[0].msn > msn && segments[0].era >= era, 'numbers that players know do not come again');
    }
    await server.publish();
    for (const [track, { msn, era }] of last) {
      const isOn = ({ segments, control }) => control.canBlockReload && segments.at(-1).parts.length > 0;
      const { segments, version } = await grown(track, isOn);
      assert.deepEqual([version, isGap(segments[0]), isGap(segments.at(-1))], [8, true, false]);
      assert.ok(segments.at(-1).msn > msn && segments.at(-1).era > era);
    }
  });

  it('a broadcast ends in good order', async () => {
    await server.unpublish();
    for (const track of [SOURCE, SOUND]) {
      const { hint, open, reports } = await grown(track, ({ isEnded }) => isEnded);
      assert.deepEqual([hint, open, reports], [undefined, undefined, []]);
    }
  });
});
