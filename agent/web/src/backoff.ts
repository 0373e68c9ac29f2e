// How long to wait before trying again, for the event socket and for the player alike.

/** First ceiling in milliseconds; doubles with each failure. */
const FIRST_CEILING = 500;

/**
 * Milliseconds to wait before attempt number `attempt` (from 0), at most `longest`, with `random` in [0, 1).
 * Half of the wait is jitter: when a server comes back, its viewers must not arrive in one instant.
 */
export function backoff(attempt: number, random: number, longest: number): number {
  const ceiling = Math.min(longest, FIRST_CEILING * 2 ** Math.min(attempt, 16));
  return ceiling / 2 + (ceiling / 2) * random;
}
