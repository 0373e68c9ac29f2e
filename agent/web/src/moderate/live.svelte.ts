// Something that is asked of the server, and asked again when it may have changed.

import { untrack } from 'svelte';

/** Milliseconds that a change waits for others: while somebody types, or when many things happen at once. */
const SETTLES = 200;

/** Milliseconds after which it is asked again by itself, while somebody looks. */
const AGAIN = 10_000;

export class Live<T> {
  value = $state.raw<T | null>(null);
  isFailed = $state(false);

  /** `ask` is asked anew when something changes that it reads before its first `await`, or that `changes` reads. */
  constructor(ask: (signal: AbortSignal) => Promise<T>, changes: () => unknown) {
    let isFirst = true;
    $effect(() => {
      changes();
      const stop = new AbortController();
      const run = async () => {
        try {
          const value = await untrack(() => ask(stop.signal));
          if (stop.signal.aborted) return;
          this.value = value;
          this.isFailed = false;
        } catch {
          if (!stop.signal.aborted) this.isFailed = true;
        }
      };
      const timer = setTimeout(run, isFirst ? 0 : SETTLES);
      isFirst = false;
      const again = setInterval(() => document.visibilityState === 'visible' && void run(), AGAIN);
      return () => {
        clearTimeout(timer);
        clearInterval(again);
        stop.abort();
      };
    });
  }
}
