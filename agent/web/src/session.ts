// One hls.js on one video element. It knows nothing of the page: it plays a broadcast, follows a quality choice,
// recovers from what can be recovered, and reports the rest to its owner, who starts another.

import type HlsPlayer from 'hls.js';
import type { LevelDetails } from 'hls.js';
import { backoff } from './backoff.ts';
import { Downloads } from './downloads.ts';
import type { Broadcast, Variant } from './protocol.ts';
import { type Choice, variantOf } from './quality.ts';
import type { Placed } from './timeline.ts';

/** Seconds of watched media kept for a step back. Bounded, or a long broadcast would fill a phone's memory. */
const BACK_BUFFER = 30;

/** Bits per second assumed of an unknown connection: 720p starts at 720p, and hls.js corrects within a segment. */
const FIRST_ESTIMATE = 3_000_000;

/** Milliseconds within which a second media error means that the decoder cannot be brought back in place. */
const MEDIA_ERROR_WINDOW = 10_000;

/** Times a playlist or segment is asked for again, some seconds in all: about as long as the buffer lasts. */
const RELOADS = 5;

export interface SessionEvents {
  /** Another variant is on screen. */
  variant(name: string | null): void;
  /** The session is of no use any more. */
  failed(reason: string): void;
}

/** What a new session takes over from the one before it. */
export interface Inheritance {
  choice: Choice;
  /** Bits per second, or null if nothing was measured yet. */
  bandwidth: number | null;
}

export interface Session {
  readonly video: HTMLVideoElement;
  readonly canChoose: boolean;
  /** Name of the variant on screen, if known. */
  readonly variant: string | null;
  readonly bandwidth: number | null;
  /** The newest moment of the broadcast, in seconds of the video's clock; it moves on between two parts, too. */
  readonly edge: number | null;
  /** Seconds that the viewer should be behind `edge`, as the playlist says. */
  readonly holdBack: number;
  /** Seconds of the broadcast that arrive at a time: a part, or a segment where there are no parts. */
  readonly step: number;
  /** Whether the page decides how fast to play; else the browser keeps its own distance from live. */
  readonly canPace: boolean;
  /** Seconds since what is on screen was made, by the clocks of server and viewer; null if unknown. */
  readonly latency: number | null;
  /** Seconds of the broadcast that exist ahead of the viewer, fetched or not. */
  readonly ahead: number;
  /** Seconds one segment may take; the unit of "behind". */
  readonly targetDuration: number;
  readonly timeline: Map<string, Placed[]>;
  /** How long segments of pictures take to come. */
  readonly downloads: Downloads;
  /** Whether it is known that nothing new can be had for a while: then nothing is given up for lack of it. */
  isPatient: boolean;
  /** Asks at once for what was to be asked for again later. */
  hurry(): void;
  choose(choice: Choice): void;
  close(): void;
}

/** Opens the broadcast on `video` with hls.js, or with the browser's own player where there is no MSE. */
export async function openSession(
  video: HTMLVideoElement,
  broadcast: Broadcast,
  inherited: Inheritance,
  events: SessionEvents,
): Promise<Session> {
  const { default: Hls } = await import('hls.js');
  if (Hls.isSupported()) return new HlsSession(Hls, video, broadcast, inherited, events);
  return new NativeSession(video, broadcast, events);
}

class HlsSession implements Session {
  readonly canChoose = true;
  readonly canPace = true;
  readonly timeline = new Map<string, Placed[]>();
  readonly downloads = new Downloads();
  readonly #hls: HlsPlayer;
  readonly #variants: readonly Variant[];
  variant: string | null = null;
  isPatient = false;
  #choice: Choice;
  #lastMediaError = -Infinity;
  #reloads = 0;
  #reloadTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    Hls: typeof HlsPlayer,
    readonly video: HTMLVideoElement,
    broadcast: Broadcast,
    inherited: Inheritance,
    events: SessionEvents,
  ) {
    this.#variants = broadcast.variants;
    this.#choice = inherited.choice;
    const hls = new Hls({
      enableWorker: false,
      startLevel: -1,
      testBandwidth: false,
      abrEwmaDefaultEstimate: inherited.bandwidth ?? FIRST_ESTIMATE,
      capLevelToPlayerSize: true,
      backBufferLength: BACK_BUFFER,
      lowLatencyMode: true,
      // How far behind live to be, and how to get there, is decided in pace.ts.
      liveSyncOnStallIncrease: 0,
      maxLiveSyncPlaybackRate: 1,
    });
    this.#hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, () => this.choose(this.#choice));
    hls.on(Hls.Events.LEVEL_UPDATED, (_, { details }) => this.#place(details));
    hls.on(Hls.Events.AUDIO_TRACK_UPDATED, (_, { details }) => this.#place(details));
    hls.on(Hls.Events.LEVEL_PTS_UPDATED, (_, { details }) => this.#place(details));
    hls.on(Hls.Events.LEVEL_SWITCHED, (_, { level }) => {
      this.variant = this.#nameOf(level);
      events.variant(this.variant);
    });
    hls.on(Hls.Events.ERROR, (_, { fatal, type, details }) => {
      if (!fatal) return;
      const isMedia = type === Hls.ErrorTypes.MEDIA_ERROR;
      const isNetwork = type === Hls.ErrorTypes.NETWORK_ERROR && hls.levels.length > 0;
      const isMended = (isMedia && this.#recoverMedia()) || (isNetwork && this.#reload());
      if (!isMended) events.failed(details);
    });
    hls.on(Hls.Events.FRAG_LOADED, (_, { frag, part }) => {
      const { start, end } = (part ?? frag).stats.loading;
      if (frag.type === 'main' && typeof frag.sn === 'number') this.downloads.add(frag.sn, end - start);
    });
    hls.on(Hls.Events.FRAG_BUFFERED, () => (this.#reloads = 0));
    hls.loadSource(broadcast.playlist);
    hls.attachMedia(video);
  }

  get bandwidth(): number | null {
    const measured = this.#hls.bandwidthEstimate;
    return Number.isFinite(measured) ? measured : null;
  }

  get edge(): number | null {
    const details = this.#hls.latestLevelDetails;
    if (details === null) return null;
    // What comes next is being made already; when it is late, nothing newer than it is there to be missed.
    return details.edge + Math.min(details.age, this.step);
  }

  get holdBack(): number {
    const { partHoldBack, holdBack } = this.#hls.latestLevelDetails ?? { partHoldBack: 0, holdBack: 0 };
    return partHoldBack || holdBack || 3 * this.targetDuration;
  }

  get step(): number {
    return this.#hls.latestLevelDetails?.partTarget || this.targetDuration;
  }

  get latency(): number | null {
    const made = this.#hls.playingDate;
    return made === null ? null : (Date.now() - made.getTime()) / 1000;
  }

  get ahead(): number {
    const edge = this.#hls.latestLevelDetails?.edge ?? 0;
    return edge - this.video.currentTime;
  }

  get targetDuration(): number {
    return this.#hls.latestLevelDetails?.targetduration ?? 2;
  }

  choose(choice: Choice): void {
    this.#choice = choice;
    const level = choice === null ? -1 : this.#hls.levels.findIndex((_, at) => this.#nameOf(at) === choice);
    // `loadLevel` leaves what is buffered alone: the change shows some seconds later, but never as a stall.
    this.#hls.loadLevel = level;
  }

  hurry(): void {
    if (this.#reloadTimer === undefined) return;
    clearTimeout(this.#reloadTimer);
    this.#load();
  }

  close(): void {
    clearTimeout(this.#reloadTimer);
    this.#hls.destroy();
  }

  #nameOf(level: number): string | null {
    const address = this.#hls.levels[level]?.uri;
    return address === undefined ? null : (variantOf(address, this.#variants)?.name ?? null);
  }

  #place(details: LevelDetails): void {
    const path = new URL(details.url, location.href).pathname;
    const placed = details.fragments.map((fragment) => ({
      msn: fragment.sn,
      start: fragment.startPTS ?? fragment.start,
      isMeasured: fragment.startPTS !== undefined,
    }));
    this.timeline.set(path, placed);
  }

  /** Asks again for what could not be fetched, while the viewer goes on with what is buffered. */
  #reload(): boolean {
    if (this.#reloads >= RELOADS && !this.isPatient) return false;
    clearTimeout(this.#reloadTimer);
    this.#reloadTimer = setTimeout(() => this.#load(), backoff(this.#reloads++, Math.random(), 2000));
    return true;
  }

  #load(): void {
    this.#reloadTimer = undefined;
    this.#hls.startLoad();
  }

  #recoverMedia(): boolean {
    const now = performance.now();
    const isFirst = now - this.#lastMediaError > MEDIA_ERROR_WINDOW;
    this.#lastMediaError = now;
    if (isFirst) this.#hls.recoverMediaError();
    return isFirst;
  }
}

/** Older iPhones: the system plays the playlist, chooses the quality itself and tells little. */
class NativeSession implements Session {
  readonly canChoose = false;
  readonly canPace = false;
  readonly variant = null;
  readonly bandwidth = null;
  /** The system keeps its own distance from the live edge. */
  readonly ahead = Infinity;
  readonly targetDuration = 4;
  readonly holdBack = 4;
  readonly step = 4;
  readonly latency = null;
  isPatient = false;
  readonly timeline = new Map<string, Placed[]>();
  readonly downloads = new Downloads();
  readonly #onError: () => void;

  constructor(
    readonly video: HTMLVideoElement,
    broadcast: Broadcast,
    events: SessionEvents,
  ) {
    this.#onError = () => events.failed(video.error?.message ?? 'the browser cannot play this stream');
    video.addEventListener('error', this.#onError);
    video.src = broadcast.playlist;
  }

  get edge(): number | null {
    const { seekable } = this.video;
    return seekable.length === 0 ? null : seekable.end(seekable.length - 1);
  }

  choose(): void {
    // The quality menu is not shown where `canChoose` is false.
  }

  hurry(): void {
    // The system asks when it sees fit.
  }

  close(): void {
    this.video.removeEventListener('error', this.#onError);
    this.video.removeAttribute('src');
    this.video.load();
  }
}
