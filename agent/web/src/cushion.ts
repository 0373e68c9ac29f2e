// A page that waits for a broadcast is there when its first segment is. Playing that at once would end in a stall when
// it is over, and again with the next: the page lets a few of them arrive first, as it does for those who come later.

import type { Session } from './session.ts';

/** Target durations that must lie ahead: the next segment is then known when the last but one begins. */
const SEGMENTS = 2;

/** Fewest seconds that must lie ahead: with segments of one second a slow answer is as long as a segment. */
const SECONDS = 3;

/** Milliseconds after which the page plays what there is. */
const DEADLINE = 20_000;

/** Seconds that must lie ahead of a viewer before the picture starts. */
export function cushionFor(targetDuration: number): number {
  // Segments end with whole frames, a little before or after the second.
  return Math.max(SECONDS, SEGMENTS * targetDuration) - 0.2;
}

/** Resolves once enough of the broadcast exists; at once for most, as they come in the middle of it. */
export async function waitForCushion(session: Session, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + DEADLINE;
  while (!signal.aborted && performance.now() < deadline) {
    const { ahead, targetDuration } = session;
    if (ahead >= cushionFor(targetDuration)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
