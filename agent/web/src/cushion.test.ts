import { describe, expect, it } from 'vitest';
import { cushionFor, waitForCushion } from './cushion.ts';
import type { Session } from './session.ts';

describe('the cushion', () => {
  it('is two segments, and a few seconds at least', () => {
    expect(cushionFor(1)).toBeCloseTo(2.8);
    expect(cushionFor(2)).toBeCloseTo(3.8);
    expect(cushionFor(5)).toBeCloseTo(9.8);
  });

  it('is waited for at the start of a broadcast, and there in the middle of it', async () => {
    let asked = 0;
    const young = { get ahead() { return ++asked; }, targetDuration: 2 } as unknown as Session;
    await waitForCushion(young, new AbortController().signal);
    expect(asked).toBe(4);
    const old = { ahead: 12, targetDuration: 2 } as unknown as Session;
    await waitForCushion(old, new AbortController().signal);
  });

  it('is given up with the broadcast', async () => {
    const none = { ahead: 0, targetDuration: 2 } as unknown as Session;
    await waitForCushion(none, AbortSignal.abort());
  });
});
