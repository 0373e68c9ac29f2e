import { describe, expect, it } from 'vitest';
import { clockOffset, stepRate, type Placed } from './timeline.ts';

const placed = (msn: number, start: number, isMeasured = true): Placed => ({ msn, start, isMeasured });

describe('two clocks of one broadcast', () => {
  it('are compared by the newest segment both have measured', () => {
    const from = new Map([['/a', [placed(7, 0), placed(8, 2.02), placed(9, 4, false)]]]);
    const to = new Map([['/a', [placed(8, 0), placed(9, 2), placed(10, 4)]]]);
    expect(clockOffset(from, to)).toBeCloseTo(-2.02);
  });

  it('are compared by a listed segment when none was measured by both', () => {
    const from = new Map([['/a', [placed(8, 10, false)]]]);
    const to = new Map([['/a', [placed(8, 3)]]]);
    expect(clockOffset(from, to)).toBe(-7);
  });

  it('are compared by any playlist that both read, such as the sound', () => {
    const from = new Map([
      ['/video/old', [placed(3, 6)]],
      ['/audio', [placed(3, 6)]],
    ]);
    const to = new Map([
      ['/video/new', [placed(3, 100)]],
      ['/audio', [placed(3, 1)]],
    ]);
    expect(clockOffset(from, to)).toBe(-5);
  });

  it('are not compared by chance', () => {
    expect(clockOffset(new Map(), new Map([['/a', [placed(1, 1)]]]))).toBeNull();
    expect(clockOffset(new Map([['/a', [placed(1, 1)]]]), new Map([['/a', [placed(2, 1)]]]))).toBeNull();
  });
});

describe('getting in step', () => {
  it.each([
    [0, 1],
    [0.05, 0.95],
    [-0.05, 1.05],
    [3, 0.9],
    [-3, 1.1],
  ])('a skew of %f s is played off at %f', (skew, rate) => {
    expect(stepRate(skew)).toBeCloseTo(rate);
  });
});
