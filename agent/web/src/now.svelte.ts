// What time it is where the server is. Viewers' clocks may be hours away, and what the server says of moments, how long
// ago something was and until when, is by its own.

/** Milliseconds by which this browser's clock is ahead, as far as is known. */
let ahead = $state(0);

/** The server has just said what time it is, in milliseconds since 1970. */
export function hearTime(now: number): void {
  ahead = Date.now() - now;
}

/** Milliseconds since 1970. Where this is read to draw something, that is drawn anew when the server is heard. */
export function serverNow(): number {
  return Date.now() - ahead;
}
