// How long segments take to come. Where they come in parts, the parts of one are added up.

export class Downloads {
  #msn: number | null = null;
  #ms = 0;
  #whole: number[] = [];

  /** A segment, or a part of it, took `ms` milliseconds. */
  add(msn: number, ms: number): void {
    if (this.#msn !== null && this.#msn !== msn) this.#whole.push(this.#ms);
    this.#ms = (this.#msn === msn ? this.#ms : 0) + ms;
    this.#msn = msn;
  }

  /** Milliseconds that the segments took on average that are whole since this was last asked; null if none is. */
  take(): number | null {
    const took = this.#whole;
    this.#whole = [];
    return took.length === 0 ? null : took.reduce((sum, ms) => sum + ms, 0) / took.length;
  }
}
