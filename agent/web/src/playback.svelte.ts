// What the viewer sees and hears: two video elements of which one is visible, the session on it, and the state the
// controls draw. Decides when a session is opened, replaced and closed. Branding never reaches this module.

import { backoff } from './backoff.ts';
import { type Caption, captionsOf, showCaptions, shownCaption } from './captions.ts';
import { cushionFor, waitForCushion } from './cushion.ts';
import { bringInStep } from './handover.ts';
import { Pace, type Situation } from './pace.ts';
import { preferences } from './preferences.ts';
import type { Autoplay, Broadcast } from './protocol.ts';
import { type Choice, keepChoice } from './quality.ts';
import { openSession, type Inheritance, type Session } from './session.ts';

/** Target durations behind the live position from which a viewer who paused or stepped back stays there. */
const BEHIND = 1.5;

/** Milliseconds between two decisions about how fast to play. */
const PACE_EVERY = 200;

/** Milliseconds that a picture which is back may stand for more of it to arrive. */
const GATHER_AT_MOST = 10_000;

/** Longest wait in milliseconds before a failed player or handover is tried again: the stream is on meanwhile. */
const LONGEST_WAIT = 4000;

/** Seconds of a step with the arrow keys. */
export const STEP = 5;

/** How playback went since it was last told, for the operator. */
export interface Report {
  /** How often the picture stood still for want of data. */
  stalls: number;
  /** How often the quality changed. */
  switches: number;
  /** Measurements under the keys of Common Media Client Data (CTA-5004-A); what is not known is left out. */
  cmcd: Record<'ltc' | 'mtp' | 'ttlb', number | undefined>;
}

export class Playback {
  /** Which of the two video elements is visible. */
  active = $state<0 | 1>(0);
  /** Whether a picture of this broadcast has been on screen. */
  hasStarted = $state(false);
  isPaused = $state(false);
  isWaiting = $state(true);
  isMuted = $state(false);
  volume = $state(1);
  /** The browser allowed no sound without a click. */
  isSoundBlocked = $state(false);
  /** The browser allowed no playback at all without a click. */
  isPlayBlocked = $state(false);
  /** The broadcast waits for the viewer to press play; until then nothing of it is fetched. */
  isHeld = $state(false);
  isBehind = $state(false);
  /** Seconds since what is on screen was made, by the clocks of server and viewer; null if unknown. */
  latency = $state<number | null>(null);
  canChoose = $state(true);
  choice = $state<Choice>(null);
  /** The captions of what is on screen; none for most streams. */
  captions = $state.raw<readonly Caption[]>([]);
  /** Id of the captions that are shown, or null. */
  caption = $state<string | null>(null);
  /** Name of the variant on screen. */
  variant = $state<string | null>(null);
  /** The broadcast on screen; its ladder is the one the menu offers. */
  broadcast = $state.raw<Broadcast | null>(null);
  /** What decides about the next broadcast that begins; one that plays or waits is left alone. */
  autoplay: Autoplay = 'always';

  readonly #videos: readonly [HTMLVideoElement, HTMLVideoElement];
  readonly #cleanup = new AbortController();
  #session: Session | null = null;
  #run = new AbortController();
  #handover: AbortController | null = null;
  #adopting: Promise<void> = Promise.resolve();
  #newest: Broadcast | null = null;
  #failures = 0;
  /** Whether the viewer pressed play, and did not pause since: a broadcast that follows at once needs no other press. */
  #isWanted = false;
  /** What the connection taught about how close to live it can be watched; kept from session to session. */
  readonly #pace = new Pace();
  /** Whether the viewer wants to be live: not after a pause or a step back. */
  #isFollowing = true;
  /** Why the picture stopped for want of data, if it did. */
  #starving: 'stall' | 'away' | null = null;
  /** Until when the first picture after a wait stands at most, in milliseconds of `performance.now()`. */
  #gatheringUntil: number | null = null;
  /** How often the picture stood still for want of data since somebody asked. */
  #stalls = 0;
  #switches = 0;
  #isAway = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #tickers: readonly ReturnType<typeof setInterval>[];

  constructor(videos: readonly [HTMLVideoElement, HTMLVideoElement]) {
    this.#videos = videos;
    const { volume, isMuted } = preferences.read();
    this.volume = volume;
    this.isMuted = isMuted;
    videos.forEach((video) => this.#watch(video));
    this.#tickers = [setInterval(() => this.#measure(), 1000), setInterval(() => this.#keepPace(), PACE_EVERY)];
  }

  /** The visible video element. */
  get video(): HTMLVideoElement {
    return this.#videos[this.active];
  }

  /** Whether publisher or server are known to be away for a moment: then the last picture stays, and nothing fails. */
  setAway(isAway: boolean): void {
    if (this.#isAway === isAway) return;
    this.#isAway = isAway;
    if (isAway && this.#starving !== null) this.#starving = 'away';
    const session = this.#session;
    if (session === null) return;
    session.isPatient = isAway;
    if (!isAway) session.hurry();
  }

  /** How it went since this was last asked; null while nothing is meant to move. */
  takeReport(): Report | null {
    if (!this.hasStarted || this.isPaused || this.#isAway) return null;
    const session = this.#session;
    // One that goes on to stand still is told each time.
    const stalls = this.#stalls + (this.#starving === 'stall' ? 1 : 0);
    const report = { stalls, switches: this.#switches, cmcd: measured(session) };
    this.#stalls = 0;
    this.#switches = 0;
    return report;
  }

  /** Plays `broadcast`: starts it, adopts its new ladder, or leaves well alone. */
  follow(broadcast: Broadcast): void {
    const previous = this.#newest;
    this.#newest = broadcast;
    if (previous?.id !== broadcast.id) void this.#begin(broadcast);
    // The engine speaking again is the best sign that a failed player will now find its playlist.
    else if (this.#retry !== undefined) void this.#start(broadcast);
    else if (broadcast.ladderRevision > previous.ladderRevision) void this.#adopt();
  }

  close(): void {
    this.#cleanup.abort();
    this.#tickers.forEach(clearInterval);
    this.#endSession();
    this.#newest = null;
  }

  togglePlay(): void {
    this.#isWanted = this.isHeld || this.video.paused;
    if (this.isHeld) this.#release();
    else if (this.video.paused) void this.#play();
    else this.video.pause();
  }

  toggleMute(): void {
    this.setSound(this.volume === 0 ? 0.5 : this.volume, !this.isMuted);
  }

  /** `volume` is between 0 and 1. */
  setSound(volume: number, isMuted: boolean): void {
    this.volume = Math.min(1, Math.max(0, volume));
    this.isMuted = isMuted || this.volume === 0;
    this.isSoundBlocked = false;
    this.video.volume = this.volume;
    this.video.muted = this.isMuted;
    preferences.keep({ volume: this.volume, isMuted: this.isMuted });
  }

  /** Without sound from now on; the viewer's own choice stays what it was. */
  silence(): void {
    this.isMuted = true;
  }

  choose(choice: Choice): void {
    this.choice = choice;
    preferences.keep({ quality: choice });
    this.#session?.choose(choice);
  }

  /** Shows the captions of this id; null for none. */
  chooseCaptions(id: string | null): void {
    preferences.keep({ captions: id });
    this.#readCaptions();
  }

  goLive(): void {
    if (this.isHeld) return this.togglePlay();
    this.#isFollowing = true;
    this.isBehind = false;
    this.#jump();
    void this.#play();
  }

  /** Moves by `seconds` within what is buffered and not past the live position. */
  step(seconds: number): void {
    const { buffered, currentTime } = this.video;
    const first = buffered.length === 0 ? currentTime : buffered.start(0);
    const last = Math.max(currentTime, this.#livePosition() ?? currentTime);
    if (seconds < 0) this.#isFollowing = false;
    this.video.currentTime = Math.min(last, Math.max(first, currentTime + seconds));
    this.#measure();
  }

  /** A broadcast that was not there before: starts by itself if it may. */
  async #begin(broadcast: Broadcast): Promise<void> {
    this.#endSession();
    const { signal } = this.#run;
    const mayStart = this.#isWanted || this.autoplay === 'always';
    const isAllowed = mayStart || (this.autoplay === 'soundOnly' && (await this.#maySound()));
    if (signal.aborted) return;
    if (isAllowed) return this.#start(broadcast);
    this.#hold(broadcast);
  }

  #hold(broadcast: Broadcast): void {
    this.#endSession();
    this.broadcast = broadcast;
    this.hasStarted = false;
    this.isHeld = true;
    this.isWaiting = false;
  }

  /** The viewer pressed play on a broadcast that waited for it. */
  #release(): void {
    // Safari remembers a press only for the element that was told to play during it, and there is no source yet.
    void this.#maySound();
    if (this.#newest !== null) void this.#start(this.#newest);
  }

  /** Whether the browser lets this page be heard. Asked of an element without a source: nothing is fetched for it. */
  async #maySound(): Promise<boolean> {
    const { video } = this;
    video.muted = false;
    const answer = video.play().then(
      () => true,
      (error: unknown) => !isRefusal(error),
    );
    video.pause();
    return answer;
  }

  async #start(broadcast: Broadcast): Promise<void> {
    this.#endSession();
    const run = this.#run;
    this.broadcast = broadcast;
    this.isHeld = false;
    this.choice = keepChoice(preferences.read().quality, broadcast.variants);
    this.hasStarted = false;
    this.isWaiting = true;
    this.#isFollowing = true;
    this.#starving = null;
    this.#gatheringUntil = null;
    this.variant = null;
    this.video.volume = this.volume;
    this.video.muted = this.isMuted;
    try {
      const session = await this.#open(this.video, broadcast, run.signal, { choice: this.choice, bandwidth: null });
      if (session === null) return;
      this.#session = session;
      session.isPatient = this.#isAway;
      this.canChoose = session.canChoose;
      await waitForCushion(session, run.signal);
      if (run.signal.aborted) return;
      const mayBeSilent = this.#isWanted || this.autoplay !== 'soundOnly';
      if (mayBeSilent) await this.#play();
      else if (!(await this.#tryPlay())) this.#hold(broadcast);
    } catch (error) {
      if (!run.signal.aborted) this.#restart(String(error));
    }
  }

  /** Opens a session, unless `signal` fired while hls.js was being fetched. */
  async #open(
    video: HTMLVideoElement,
    broadcast: Broadcast,
    signal: AbortSignal,
    inherited: Inheritance,
  ): Promise<Session | null> {
    const session = await openSession(video, broadcast, inherited, {
      variant: (name) => {
        if (video !== this.video) return;
        if (this.variant !== null && name !== this.variant) this.#switches += 1;
        this.variant = name;
      },
      failed: (reason) => {
        if (video === this.video) this.#restart(reason);
        else this.#handover?.abort(new Error(reason));
      },
    });
    if (!signal.aborted) return session;
    session.close();
    return null;
  }

  /** Begins anew after a while: the playlist may be gone for a moment, or the decoder for good. */
  #restart(reason: string): void {
    console.warn(`nixcast: playback failed (${reason}), trying again`);
    this.#endSession();
    this.isWaiting = true;
    this.#retry = setTimeout(
      () => {
        if (this.#newest !== null) void this.#start(this.#newest);
      },
      backoff(this.#failures++, Math.random(), LONGEST_WAIT),
    );
  }

  #endSession(): void {
    this.#run.abort();
    this.#run = new AbortController();
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#abandonHandover();
    this.#session?.close();
    this.#session = null;
  }

  #abandonHandover(): void {
    const handover = this.#handover;
    this.#handover = null;
    handover?.abort();
  }

  /** Takes up the newest ladder beside the running one, then swaps. The old rungs are served until then. */
  #adopt(): Promise<void> {
    this.#abandonHandover();
    // One at a time: an abandoned handover lets go of the hidden video element before the next one takes it.
    this.#adopting = this.#adopting.then(() => this.#handOver());
    return this.#adopting;
  }

  async #handOver(): Promise<void> {
    const current = this.#session;
    const broadcast = this.#newest;
    // A session still being opened is compared with the newest ladder as soon as it plays; so is a paused one.
    if (current === null || broadcast === null || !this.#isStale()) return;
    if (!current.canChoose || current.video.paused) return;
    const handover = new AbortController();
    this.#handover = handover;
    // The one to be caught up with must not run away.
    current.video.playbackRate = 1;
    const choice = keepChoice(preferences.read().quality, broadcast.variants);
    const hidden = this.#videos[this.active === 0 ? 1 : 0];
    let next: Session | null = null;
    try {
      next = await this.#open(hidden, broadcast, handover.signal, { choice, bandwidth: current.bandwidth });
      if (next === null) return;
      await bringInStep(current, next, handover.signal);
    } catch (error) {
      next?.close();
      if (this.#handover === handover) this.#adoptLater(String(error));
      return;
    }
    await this.#swap(current, next, broadcast);
  }

  #adoptLater(reason: string): void {
    console.warn(`nixcast: the new ladder is not up yet (${reason}), trying again`);
    const { signal } = this.#run;
    this.#handover = null;
    setTimeout(() => {
      if (!signal.aborted && this.#handover === null && this.#isStale()) void this.#adopt();
    }, backoff(this.#failures++, Math.random(), LONGEST_WAIT));
  }

  #isStale(): boolean {
    const [shown, newest] = [this.broadcast, this.#newest];
    return shown !== null && newest !== null && shown.ladderRevision < newest.ladderRevision;
  }

  async #swap(old: Session, next: Session, broadcast: Broadcast): Promise<void> {
    this.#handover = null;
    this.#session = next;
    next.isPatient = this.#isAway;
    // The viewer may have chosen another quality while the two were being brought in step.
    this.choice = keepChoice(preferences.read().quality, broadcast.variants);
    next.choose(this.choice);
    next.video.volume = this.volume;
    next.video.muted = this.isMuted;
    old.video.muted = true;
    const wasFloating = document.pictureInPictureElement === old.video;
    this.active = this.active === 0 ? 1 : 0;
    this.#readCaptions();
    this.broadcast = broadcast;
    this.variant = next.variant;
    this.isWaiting = false;
    this.isPaused = next.video.paused;
    // With a floating window already open the browser asks for no click to move it.
    if (wasFloating) await next.video.requestPictureInPicture().catch(() => undefined);
    // The old picture stays until the new one has certainly been painted.
    await new Promise((resolve) => setTimeout(resolve, 100));
    old.close();
  }

  async #play(): Promise<void> {
    this.isPlayBlocked = false;
    if (await this.#tryPlay()) return;
    if (!this.video.muted) {
      this.video.muted = true;
      this.isMuted = true;
      this.isSoundBlocked = true;
      if (await this.#tryPlay()) return;
    }
    this.isPlayBlocked = true;
  }

  /** False only when the browser wants a click first; being interrupted by a new source is no refusal. */
  async #tryPlay(): Promise<boolean> {
    try {
      await this.video.play();
      return true;
    } catch (error) {
      return !isRefusal(error);
    }
  }

  #watch(video: HTMLVideoElement): void {
    const { signal } = this.#cleanup;
    const on = (type: string, act: () => void) => {
      const actIfVisible = () => {
        if (video === this.video && this.#session?.video === video) act();
      };
      video.addEventListener(type, actIfVisible, { signal });
    };
    on('playing', () => {
      this.hasStarted = true;
      this.isPaused = false;
      this.#failures = 0;
      if (this.#starving === 'away') this.#gather();
      this.isWaiting = this.#gatheringUntil !== null;
      if (!this.isWaiting) this.#goOn();
      if (this.#isStale() && this.#handover === null) void this.#adopt();
    });
    on('waiting', () => this.#starve());
    on('seeked', () => this.#measure());
    on('play', () => (this.isPaused = false));
    on('pause', () => {
      this.isPaused = true;
      this.#isFollowing = false;
    });
    for (const type of ['addtrack', 'removetrack']) {
      video.textTracks.addEventListener(type, () => video === this.video && this.#readCaptions(), { signal });
    }
    // Also a phone's own player over the whole screen lets people choose.
    video.textTracks.addEventListener('change', () => video === this.video && this.#noteCaption(), { signal });
    on('volumechange', () => {
      this.volume = video.volume;
      this.isMuted = video.muted;
      if (!video.muted) this.isSoundBlocked = false;
    });
  }

  /** Takes up what captions there are now, and shows those that were chosen. */
  #readCaptions(): void {
    const tracks = [...this.video.textTracks];
    const captions = captionsOf(tracks);
    if (JSON.stringify(captions) !== JSON.stringify(this.captions)) this.captions = captions;
    showCaptions(tracks, preferences.read().captions);
    this.#noteCaption();
  }

  #noteCaption(): void {
    this.caption = shownCaption(this.video.textTracks);
  }

  /** Where to play to be live, in seconds of the video's clock. */
  #livePosition(): number | null {
    const session = this.#session;
    return session === null || session.edge === null ? null : session.edge - this.#pace.target(session.holdBack);
  }

  #jump(): void {
    const position = this.#livePosition();
    if (position !== null) this.video.currentTime = position;
  }

  #measure(): void {
    const [session, live] = [this.#session, this.#livePosition()];
    this.latency = session?.latency ?? null;
    if (session === null || live === null || !this.hasStarted) return;
    const isFar = live - this.video.currentTime > BEHIND * session.targetDuration;
    if (!isFar && !this.video.paused) this.#isFollowing = true;
    this.isBehind = isFar && !this.#isFollowing;
  }

  /** How things stand for somebody who wants to be live; null while that is not the page's to decide. */
  #situation(): Situation | null {
    const session = this.#session;
    const isOurs = session?.canPace === true && this.hasStarted && this.#handover === null && this.#isFollowing;
    if (session === null || session.edge === null || !isOurs) return null;
    const { video, edge, holdBack } = session;
    return { distance: edge - video.currentTime, holdBack, buffered: bufferedAhead(video) };
  }

  /**
   * The picture is back after nobody published for a while. What exists of it is a part or two: played at once, it would
   * stop again as soon as one is late.
   */
  #gather(): void {
    if (this.#situation() === null) return;
    this.#gatheringUntil ??= performance.now() + GATHER_AT_MOST;
    this.video.playbackRate = 0;
  }

  /** Whether more must arrive before the picture moves. */
  #isGathering(): boolean {
    if (this.#gatheringUntil === null) return false;
    const [session, situation] = [this.#session, this.#situation()];
    const isEnough =
      session === null || situation === null || situation.buffered >= cushionFor(situation.holdBack, session.step);
    if (!isEnough && !this.#isAway && performance.now() < this.#gatheringUntil) return true;
    this.#gatheringUntil = null;
    this.isWaiting = false;
    this.#goOn();
    return false;
  }

  #keepPace(): void {
    if (this.#isGathering()) return;
    const { video } = this;
    const isRunning = !video.paused && !video.seeking && video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
    const situation = isRunning && !this.#isAway ? this.#situation() : null;
    if (situation === null) {
      if (video.playbackRate !== 1) video.playbackRate = 1;
      return;
    }
    const advice = this.#pace.advise(situation, performance.now() / 1000);
    if (advice === 'jump') this.#jump();
    else if (video.playbackRate !== advice.rate) video.playbackRate = advice.rate;
  }

  /** Nothing is left to play. */
  #starve(): void {
    this.isWaiting = true;
    if (this.hasStarted && !this.video.seeking) this.#starving ??= this.#isAway ? 'away' : 'stall';
  }

  /** The picture goes on after it stopped: whoever wants to be live now misses nothing but what is past anyway. */
  #goOn(): void {
    const reason = this.#starving;
    this.#starving = null;
    if (reason === 'stall') this.#stalls += 1;
    const situation = reason === null ? null : this.#situation();
    if (situation === null) return;
    if (reason === 'stall') this.#pace.stalled(performance.now() / 1000);
    if (this.#pace.isWorthAJump(situation)) this.#jump();
  }
}

/** Seconds that lie ahead of what `video` shows without a hole. */
function bufferedAhead({ buffered, currentTime }: HTMLVideoElement): number {
  for (let at = 0; at < buffered.length; at++) {
    if (buffered.start(at) <= currentTime && currentTime < buffered.end(at)) return buffered.end(at) - currentTime;
  }
  return 0;
}

/** What is measured of `session`. The throughput is rounded as CTA-5004 asks: nobody shall be known by it. */
function measured(session: Session | null): Report['cmcd'] {
  const { latency, bandwidth } = session ?? { latency: null, bandwidth: null };
  const took = session?.downloads.take() ?? null;
  return {
    ltc: latency === null ? undefined : Math.round(latency * 1000),
    mtp: bandwidth === null ? undefined : Math.round(bandwidth / 100_000) * 100,
    ttlb: took === null ? undefined : Math.ceil(took),
  };
}

/** Whether the browser wants a click first. */
function isRefusal(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotAllowedError';
}
