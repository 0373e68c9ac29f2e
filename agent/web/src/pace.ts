// How fast to play, so that the viewer stays as close to the live moment as the operator asked for, and no closer than
// the connection bears. Pure: it is told how things stand, and answers with a speed or with a jump.
//
// The controller of hls.js speeds up only with more than a second in the buffer; at the lowest latency there never is.

/** How things stand, in seconds. */
export interface Situation {
  /** Between the viewer and the newest that exists. */
  distance: number;
  /** What the operator wants that to be: `PART-HOLD-BACK`, or `HOLD-BACK` where there are no parts. */
  holdBack: number;
  /** Fetched and not yet played. */
  buffered: number;
}

/** A speed, or the advice to skip what is missed: it would take too long to play it off. */
export type Advice = { rate: number } | 'jump';

/** Distances within which nothing is done: a tenth of what a viewer could tell, and more than the clocks jitter. */
const CALM_WITHIN = 0.05;

/** Of normal speed, per second of difference. */
const EAGERNESS = 0.25;

/** Speeds nobody hears, as browsers keep the pitch. */
const FASTEST = 1.1;
const SLOWEST = 0.95;

/** Speed while much more than a second is to be gained: the operator chose a higher latency, and parts grow with it. */
const SLOWEST_FAR = 0.9;
const FAR_AHEAD = 1;

/** Seconds in the buffer below which nothing is played faster, and below which everything is played slower. */
const ENOUGH = 0.25;
const NARROW = 0.1;

/** Seconds behind from which a running picture jumps: more than two minutes at the highest speed. */
const FAR_BEHIND = 15;

/** Seconds behind from which a picture that stopped anyway goes on at the live moment. */
const WORTH_A_JUMP = 2;

/** Seconds that a stall, and that a narrow escape from one, adds to the distance; and the most it ever adds. */
const AFTER_STALL = 0.3;
const AFTER_ESCAPE = 0.1;
const MOST_ADDED = 3;

/** Seconds without a stall after which the added distance shrinks again; each further stall doubles it, up to the most. */
const CALM_AFTER = 20;
const MOST_CALM_AFTER = 320;

/** Seconds of distance given back in a second. */
const GIVEN_BACK = 0.01;

/** Seconds within which one more narrow escape counts as the same. */
const SAME_ESCAPE = 1;

export class Pace {
  #added = 0;
  #stalls = 0;
  #lastTrouble = -Infinity;
  #lastLook: number | null = null;

  /** Seconds behind the newest at which the viewer should be. */
  target(holdBack: number): number {
    return holdBack + this.#added;
  }

  /** The picture stopped because nothing was left. `now` in seconds, of any clock that only goes forward. */
  stalled(now: number): void {
    this.#stalls += 1;
    this.#add(AFTER_STALL, now);
  }

  /** Whether a picture that has just stopped should go on at the live moment. */
  isWorthAJump({ distance, holdBack }: Situation): boolean {
    return distance - this.target(holdBack) > WORTH_A_JUMP;
  }

  /** What to do while the picture runs and the viewer wants to be live; asked a few times a second. */
  advise(situation: Situation, now: number): Advice {
    const { distance, holdBack, buffered } = situation;
    this.#giveBack(now);
    if (buffered < NARROW && now - this.#lastTrouble > SAME_ESCAPE) this.#add(AFTER_ESCAPE, now);
    const behind = distance - this.target(holdBack);
    if (behind > FAR_BEHIND) return 'jump';
    if (buffered < NARROW) return { rate: SLOWEST };
    if (Math.abs(behind) < CALM_WITHIN || (behind > 0 && buffered < ENOUGH)) return { rate: 1 };
    const slowest = behind < -FAR_AHEAD ? SLOWEST_FAR : SLOWEST;
    const rate = Math.min(FASTEST, Math.max(slowest, 1 + EAGERNESS * behind));
    // Hundredths: each new speed costs the decoder of the sound a moment.
    return { rate: Math.round(rate * 100) / 100 };
  }

  #add(seconds: number, now: number): void {
    this.#added = Math.min(MOST_ADDED, this.#added + seconds);
    this.#lastTrouble = now;
  }

  #giveBack(now: number): void {
    const since = this.#lastLook === null ? 0 : Math.max(0, now - this.#lastLook);
    this.#lastLook = now;
    const calm = Math.min(MOST_CALM_AFTER, CALM_AFTER * 2 ** Math.max(0, this.#stalls - 1));
    if (now - this.#lastTrouble < calm) return;
    this.#added = Math.max(0, this.#added - GIVEN_BACK * since);
    if (this.#added === 0) this.#stalls = 0;
  }
}
