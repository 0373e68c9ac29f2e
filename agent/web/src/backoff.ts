// How long to wait before trying again, for the event socket and for the player alike.

/** First ceiling in milliseconds; doubles with each failure. */
const FIRST_CEILING = 500;

/** Longest wait in milliseconds: a page left open over night finds the server again within this. */
const LONGEST_WAIT = 15_000;

/**
 * Milliseconds to wait before attempt number `attempt` (from 0), with `random` in [0, 1).
 * Half of the wait is jitter: when a server comes back, its viewers must not arrive in one instant.
 */
export function backoff(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_WAIT, FIRST_CEILING * 2 ** Math.min(attempt, 16));
  return ceiling / 2 + (ceiling / 2) * random;
}
