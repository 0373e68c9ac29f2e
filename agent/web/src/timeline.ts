// Two players of one broadcast count seconds from different zeros. Both know the media sequence numbers of the
// playlists they read, and those are the same for everyone: they say how far the two clocks are apart.

/** A segment as one player places it. */
export interface Placed {
  /** Media sequence number. */
  msn: number;
  /** Seconds on the player's own clock. */
  start: number;
  /** Whether `start` was measured from the media, not added up from the playlist's rounded durations. */
  isMeasured: boolean;
}

/** What a player last read, by the path of the media playlist. */
export type Timeline = ReadonlyMap<string, readonly Placed[]>;

/**
 * Seconds to add to a position of `from` to get the same picture in `to`, or null while they share no segment.
 * Segments that both have measured are believed before any other.
 */
export function clockOffset(from: Timeline, to: Timeline): number | null {
  let estimate: number | null = null;
  for (const [path, theirs] of to) {
    const ours = new Map((from.get(path) ?? []).map((placed) => [placed.msn, placed]));
    for (const there of theirs.toReversed()) {
      const here = ours.get(there.msn);
      if (here === undefined) continue;
      if (here.isMeasured && there.isMeasured) return there.start - here.start;
      estimate ??= there.start - here.start;
    }
  }
  return estimate;
}

/**
 * Playback rate that brings a hidden player in step with the visible one. `skew` is how many seconds it is ahead.
 * Within a tenth of normal speed decoders keep up everywhere, and a skew of 0.1 s is gone in a second.
 */
export function stepRate(skew: number): number {
  return Math.min(1.1, Math.max(0.9, 1 - skew));
}
