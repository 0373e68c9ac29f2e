import { describe, expect, it } from 'vitest';
import { cushionFor, waitForCushion } from './cushion.ts';
import type { Session } from './session.ts';

describe('the cushion', () => {
  it('is as much as the viewer should be behind live, and no more than three parts or segments', () => {
    expect(cushionFor(0.65, 0.21)).toBeCloseTo(0.53);
    expect(cushionFor(2, 0.5)).toBeCloseTo(1.4);
    expect(cushionFor(10, 1)).toBeCloseTo(2.9);
    expect(cushionFor(6, 2)).toBeCloseTo(5.9);
  });

  it('is waited for at the start of a broadcast, and there in the middle of it', async () => {
    let asked = 0;
    const young = { get ahead() { return ++asked / 10; }, holdBack: 0.65, step: 0.21 } as unknown as Session;
    await waitForCushion(young, new AbortController().signal);
    expect(asked).toBe(6);
    const old = { ahead: 12, holdBack: 6, step: 2 } as unknown as Session;
    await waitForCushion(old, new AbortController().signal);
  });

  it('is given up with the broadcast', async () => {
    const none = { ahead: 0, holdBack: 6, step: 2 } as unknown as Session;
    await waitForCushion(none, AbortSignal.abort());
  });
});
