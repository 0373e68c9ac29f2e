// Make before break: brings a second session in step with the first, while the first goes on playing.
// The owner swaps what is visible when this resolves; until then the viewer notices nothing.

import type { Session } from './session.ts';
import { clockOffset, stepRate } from './timeline.ts';

/** Seconds ahead of the viewer at which the hidden player waits, at most: time enough to seek and decode one picture. */
const LEAD = 1;

/** Of what exists ahead of the viewer, how much the hidden player may wait ahead: it has to be fetched by then. */
const REACH = 0.6;

/** Seconds of difference that no speed makes up for in time: the viewer paused or jumped. */
const TOO_FAR = 1;

/** Seconds of difference nobody sees or hears: less than one frame at 30 per second. */
const IN_STEP = 0.025;

/** Milliseconds after which a handover is given up; the caller tries again later. */
const DEADLINE = 30_000;

/** Milliseconds of adjusting after which a small remaining difference is accepted. */
const ADJUSTING = 5_000;

/** Largest difference in seconds accepted after `ADJUSTING`; a jump of this size is small, a stall is not. */
const TOLERABLE = 0.25;

/** Resolves once `next` plays muted and in step with `current`. Rejects on `signal`, or when the deadline passes. */
export async function bringInStep(current: Session, next: Session, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + DEADLINE;
  const pause = async (milliseconds: number) => {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    signal.throwIfAborted();
    if (performance.now() > deadline) throw new Error('the new ladder could not be brought in step in time');
  };

  while (next.video.buffered.length === 0) await pause(100);
  await waitAhead(current, next, pause);
  next.video.muted = true;
  await Promise.race([next.video.play(), aborted(signal)]);
  await adjust(current, next, pause);
  next.video.playbackRate = 1;
}

/** Parks the paused `next` a little ahead of `current`, and returns when `current` gets there. */
async function waitAhead(current: Session, next: Session, pause: (ms: number) => Promise<void>): Promise<void> {
  let meeting = seekAhead(current, next);
  for (;;) {
    const remaining = meeting - wanted(current, next);
    const isReady = !next.video.seeking && next.video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
    // A little late is as good: what is missing is played off.
    if (isReady && remaining <= 0.04 && remaining > -TOO_FAR) return;
    // It was not ready in time, or the viewer jumped: meet somewhere else.
    if (remaining < -TOO_FAR || remaining > LEAD + TOO_FAR) meeting = seekAhead(current, next);
    await pause(isReady ? Math.max(5, Math.min(100, remaining * 1000 - 40)) : 50);
  }
}

function seekAhead(current: Session, next: Session): number {
  const place = wanted(current, next);
  const ahead = (next.edge ?? place + LEAD) - place;
  const meeting = place + Math.min(LEAD, Math.max(0, REACH * ahead));
  next.video.currentTime = meeting;
  return meeting;
}

async function adjust(current: Session, next: Session, pause: (ms: number) => Promise<void>): Promise<void> {
  const patience = performance.now() + ADJUSTING;
  let calm = 0;
  while (calm < 3) {
    await pause(50);
    const skew = next.video.currentTime - wanted(current, next);
    const isPlaying = !next.video.seeking && next.video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
    calm = isPlaying && Math.abs(skew) < IN_STEP ? calm + 1 : 0;
    if (isPlaying && performance.now() > patience && Math.abs(skew) < TOLERABLE) return;
    if (Math.abs(skew) > TOO_FAR) {
      // The viewer paused or jumped meanwhile: no rate can make up for that.
      next.video.pause();
      await waitAhead(current, next, pause);
      void next.video.play().catch(() => undefined);
    }
    next.video.playbackRate = Math.abs(skew) < IN_STEP ? 1 : stepRate(skew);
  }
}

/** Where `next` should be to show what `current` shows now. */
function wanted(current: Session, next: Session): number {
  const offset = clockOffset(current.timeline, next.timeline) ?? edgeOffset(current, next);
  return current.video.currentTime + offset;
}

/** Without a shared segment both are at least asked to be equally far from the live edge. */
function edgeOffset(current: Session, next: Session): number {
  const [here, there] = [current.edge, next.edge];
  return here === null || there === null ? 0 : there - here;
}

/** Rejects when `signal` fires: a play() that never gets its data would be waited for without end. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
