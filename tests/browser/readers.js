// Two playlist parsers that share no line with ours or with each other, brought to one form: what both see is what the
// playlist says. And two readers of CMAF.

import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { createFile } from 'mp4box';

const require = createRequire(import.meta.url);
const hlsParser = require('hls-parser');
const videojs = require('m3u8-parser');
const run = promisify(execFile);

/** Removes what a parser leaves undefined and another does not mention. */
const plain = (value) => JSON.parse(JSON.stringify(value));

/** `m3u8-parser`, of video.js: what it made of the text, and what it complained of. */
function asVideojs(text) {
  const parser = new videojs.Parser();
  const complaints = [];
  for (const kind of ['warn', 'info', 'error']) parser.on(kind, ({ message }) => complaints.push(message));
  parser.push(text);
  parser.end();
  return { said: parser.manifest, complaints };
}

/** `hls-parser`, which checks rules as it reads, and prints those that it finds broken. */
function asHlsParser(text) {
  const complaints = [];
  const print = console.error;
  console.error = (message) => complaints.push(message);
  try {
    return { said: hlsParser.parse(text), complaints };
  } finally {
    console.error = print;
  }
}

/** The multivariant playlist as both parsers read it: `{ said: [one, other], complaints }`. */
export function readMultivariant(text) {
  const [one, other] = [asVideojs(text), asHlsParser(text)];
  const sounds = Object.values(one.said.mediaGroups?.AUDIO?.audio ?? {});
  const ones = one.said.playlists.map(({ uri, attributes }) => ({
    uri,
    bandwidth: Number(attributes.BANDWIDTH),
    average: Number(attributes['AVERAGE-BANDWIDTH']),
    codecs: attributes.CODECS,
    resolution: attributes.RESOLUTION,
    frameRate: attributes['FRAME-RATE'],
    sounds: sounds.map((sound) => sound.uri),
  }));
  const others = other.said.variants.map((variant) => ({
    uri: variant.uri,
    bandwidth: variant.bandwidth,
    average: variant.averageBandwidth,
    codecs: variant.codecs,
    resolution: variant.resolution && { ...variant.resolution },
    frameRate: variant.frameRate,
    sounds: variant.audio.map((sound) => sound.uri),
  }));
  const said = [
    { version: one.said.version, independent: one.said.independentSegments, variants: ones },
    { version: other.said.version, independent: other.said.independentSegments, variants: others },
  ];
  return { said: plain(said), complaints: [...one.complaints, ...other.complaints] };
}

/** A media playlist as both parsers read it: `{ said: [one, other], complaints }`. Times are in seconds. */
export function readMedia(text) {
  const [one, other] = [asVideojs(text), asHlsParser(text)];
  const said = [fromVideojs(one.said), fromHlsParser(other.said)];
  return { said: plain(said), complaints: [...one.complaints, ...other.complaints] };
}

/** What both parsers call by the same names. */
const head = (said, { canBlockReload, canSkipUntil, holdBack, partHoldBack }) => ({
  version: said.version,
  independent: said.independentSegments,
  targetDuration: said.targetDuration,
  partTarget: said.partTargetDuration,
  control: { canBlockReload: canBlockReload === true, canSkipUntil, holdBack, partHoldBack },
});

const part = ({ uri, duration, independent }) => ({ uri, duration, independent: independent === true });

function fromVideojs(said) {
  const skipped = said.skip?.skippedSegments ?? 0;
  const { parts = [], preloadHints = [], dateTimeObject } = said.preloadSegment ?? {};
  return {
    ...head(said, said.serverControl),
    mediaSequence: said.mediaSequence,
    discontinuitySequence: said.discontinuitySequence,
    skipped,
    isEnded: said.endList === true,
    segments: said.segments.map((segment, index) => ({
      msn: said.mediaSequence + skipped + index,
      uri: segment.uri,
      duration: segment.duration,
      at: segment.dateTimeObject.getTime() / 1000,
      era: segment.timeline,
      map: segment.map?.uri,
      parts: (segment.parts ?? []).map(part),
    })),
    open: parts.length > 0 ? { at: dateTimeObject.getTime() / 1000, parts: parts.map(part) } : undefined,
    hint: preloadHints[0]?.uri,
    reports: (said.renditionReports ?? []).map(({ uri, lastMsn, lastPart }) => ({ uri, msn: lastMsn, part: lastPart })),
  };
}

function fromHlsParser(said) {
  const real = ({ hint }) => !hint;
  // What has no address yet is the segment that is being made, with the hint as its last part.
  const open = said.segments.find(({ uri }) => uri === '');
  const openParts = open?.parts.filter(real).map(part) ?? [];
  return {
    ...head(said, said.lowLatencyCompatibility),
    mediaSequence: said.mediaSequenceBase,
    discontinuitySequence: said.discontinuitySequenceBase,
    skipped: said.skip,
    isEnded: said.endlist,
    segments: said.segments
      .filter((segment) => segment !== open)
      .map((segment) => ({
        msn: segment.mediaSequenceNumber,
        uri: segment.uri,
        duration: segment.duration,
        at: segment.programDateTime.getTime() / 1000,
        era: segment.discontinuitySequence,
        map: segment.map?.uri,
        parts: segment.parts.filter(real).map(part),
      })),
    open: openParts.length > 0 ? { at: open.programDateTime.getTime() / 1000, parts: openParts } : undefined,
    hint: open?.parts.find(({ hint }) => hint)?.uri,
    reports: said.renditionReports.map(({ uri, lastMSN, lastPart }) => ({ uri, msn: lastMSN, part: lastPart })),
  };
}

/**
 * What mp4box.js sees in a CMAF file: top-level boxes, codec, ticks a second, samples, and of each fragment its `tfdt`,
 * number of samples, ticks and whether its first sample needs no other.
 */
export function readWithMp4box(bytes) {
  const file = createFile();
  const buffer = new Uint8Array(bytes).buffer;
  buffer.fileStart = 0;
  file.appendBuffer(buffer);
  file.flush();
  const [track] = file.getInfo().tracks;
  const fragments = file.moofs.map(({ trafs: [traf] }) => ({
    tfdt: traf.tfdt.baseMediaDecodeTime,
    samples: traf.truns.reduce((sum, { sample_count }) => sum + sample_count, 0),
  }));
  const samples = file.getTrackSamplesInfo(track.id);
  let from = 0;
  for (const fragment of fragments) {
    const own = samples.slice(from, (from += fragment.samples));
    fragment.ticks = own.reduce((sum, { duration }) => sum + duration, 0);
    fragment.isIndependent = own[0].is_sync;
  }
  const { codec, timescale } = track;
  return { boxes: file.boxes.map(({ type }) => type), codec, timescale, samples, fragments };
}

/** What ffprobe sees in a file: its one stream, and each packet's time and flags. */
export async function readWithFfprobe(path) {
  const what = ['-show_streams', '-show_packets', '-of', 'json'];
  const { stdout, stderr } = await run('ffprobe', ['-v', 'warning', ...what, path], { maxBuffer: 1 << 24 });
  const { streams, packets } = JSON.parse(stdout);
  return { streams, packets, complaints: stderr };
}
