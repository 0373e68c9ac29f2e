// A page that waits for a broadcast is there when its first pictures are. Playing those at once would end in a stall
// when they are over: the page lets a little more of it arrive first. Those who come in the middle of it wait for
// nothing, as enough of it exists.

import type { Session } from './session.ts';

/** Parts or segments that must lie ahead: one plays, one is fetched, one may be late. */
const STEPS = 3;

/** Seconds by which that may fall short: parts end with whole pictures, a little before or after. */
const SHORT = 0.1;

/** Milliseconds after which the page plays what there is. */
const DEADLINE = 20_000;

/** Milliseconds between two looks. */
const LOOK = 25;

/**
 * Seconds that must lie ahead of a viewer before the picture starts. `holdBack` is how far behind live the viewer should
 * be, `step` what arrives at a time. More than three steps is not worth waiting for: it is gained while playing.
 */
export function cushionFor(holdBack: number, step: number): number {
  return Math.min(holdBack, STEPS * step) - SHORT;
}

/** Resolves once enough of the broadcast exists. */
export async function waitForCushion(session: Session, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + DEADLINE;
  while (!signal.aborted && performance.now() < deadline) {
    const { ahead, holdBack, step } = session;
    if (ahead >= cushionFor(holdBack, step)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
}
