import { describe, expect, it } from 'vitest';
import { type Frame, highest, nearest, path, place, rows, steps, wholeSteps } from './plot.ts';

const FRAME: Frame = { box: { left: 10, right: 110, top: 0, bottom: 50 }, from: 1000, to: 2000, most: 5 };

describe('a plot', () => {
  it('names round values, the last at or above the highest', () => {
    expect(steps(0)).toEqual([0, 1]);
    expect(steps(1)).toEqual([0, 0.5, 1]);
    expect(steps(3.1)).toEqual([0, 1, 2, 3, 4]);
    expect(steps(4200)).toEqual([0, 2000, 4000, 6000]);
    expect(steps(NaN)).toEqual([0, 1]);
    for (const most of [0.03, 7, 99, 100, 101, 12_345, 1e9]) {
      const named = steps(most);
      expect(named.at(-1)).toBeGreaterThanOrEqual(most);
      expect(named.length).toBeLessThanOrEqual(6);
    }
  });

  it('halves no viewer', () => {
    expect(wholeSteps(0)).toEqual([0, 1]);
    expect(wholeSteps(3)).toEqual([0, 1, 2, 3]);
    expect(wholeSteps(40).every(Number.isInteger)).toBe(true);
  });

  it('puts values where they belong', () => {
    expect(place(FRAME, 1000, 0)).toEqual({ x: 10, y: 50 });
    expect(place(FRAME, 2000, 5)).toEqual({ x: 110, y: 0 });
    expect(place({ ...FRAME, to: 1000 }, 1000, 0).x).toBe(110);
  });

  it('has a gap where nothing is known, and a dot where a value stands alone', () => {
    const points = [1000, 1100, 1200, 1300, 1900].map((at) => ({ at, value: at === 1200 ? null : 5 }));
    expect(path(FRAME, points, 100)).toBe('M10 0L20 0M40 0h0.1M100 0h0.1');
    expect(path(FRAME, [{ at: 0, value: 1 }], 100)).toBe('');
  });

  it('has a table behind it', () => {
    const series = [
      { name: 'a', points: [0, 30, 60, 90].map((at) => ({ at, value: at })) },
      { name: 'b', points: [{ at: 60, value: 7 }] },
    ];
    expect(rows(series, 60)).toEqual([
      { at: 60, values: [60, 7] },
      { at: 0, values: [0, null] },
    ]);
    expect(highest(series)).toBe(90);
    expect([nearest([1, 5, 9], 6), nearest([], 1)]).toEqual([5, null]);
  });
});
