import { describe, expect, it } from 'vitest';
import { Pace, type Situation } from './pace.ts';

const situation = (distance: number, change: Partial<Situation> = {}): Situation => ({
  distance,
  holdBack: 0.65,
  buffered: 0.4,
  ...change,
});

describe('the pace', () => {
  it.each([
    [0.65, 1],
    [0.69, 1],
    [0.61, 1],
    [0.85, 1.05],
    [0.45, 0.95],
    [1.3, 1.1],
    [8, 1.1],
    [0.1, 0.95],
  ])('at a distance of %f s is %f', (distance, rate) => {
    expect(new Pace().advise(situation(distance), 0)).toEqual({ rate });
  });

  it('is slowest when the operator chose a much higher latency', () => {
    expect(new Pace().advise(situation(0.65, { holdBack: 10 }), 0)).toEqual({ rate: 0.9 });
  });

  it('jumps over minutes that were missed, and over seconds only where the picture stopped anyway', () => {
    expect(new Pace().advise(situation(16), 0)).toBe('jump');
    expect(new Pace().isWorthAJump(situation(3))).toBe(true);
    expect(new Pace().isWorthAJump(situation(2))).toBe(false);
  });

  it('never plays faster than the buffer bears', () => {
    expect(new Pace().advise(situation(2, { buffered: 0.2 }), 0)).toEqual({ rate: 1 });
    expect(new Pace().advise(situation(2, { buffered: 0.05 }), 0)).toEqual({ rate: 0.95 });
  });

  it('keeps more distance after a stall, and comes closer again when all is well', () => {
    const pace = new Pace();
    pace.stalled(10);
    expect(pace.target(0.65)).toBeCloseTo(0.95);
    for (let now = 10; now <= 30; now += 0.25) pace.advise(situation(0.95), now);
    expect(pace.target(0.65)).toBeCloseTo(0.95);
    for (let now = 30; now <= 45; now += 0.25) pace.advise(situation(0.95), now);
    expect(pace.target(0.65)).toBeCloseTo(0.8);
    for (let now = 45; now <= 70; now += 0.25) pace.advise(situation(0.95), now);
    expect(pace.target(0.65)).toBe(0.65);
  });

  it('is slower to trust a connection that stalled again and again, and never goes back without end', () => {
    const pace = new Pace();
    for (let stall = 0; stall < 100; stall++) pace.stalled(stall);
    expect(pace.target(2)).toBe(5);
    for (let now = 99; now <= 400; now++) pace.advise(situation(5, { holdBack: 2 }), now);
    expect(pace.target(2)).toBe(5);
    for (let now = 400; now <= 440; now++) pace.advise(situation(5, { holdBack: 2 }), now);
    expect(pace.target(2)).toBeLessThan(5);
  });

  it('learns from a narrow escape, once a second', () => {
    const pace = new Pace();
    for (let now = 0; now < 1; now += 0.25) pace.advise(situation(0.65, { buffered: 0.05 }), now);
    expect(pace.target(0.65)).toBeCloseTo(0.75);
  });

  it('settles: a viewer who is a second behind is where they should be within a quarter of a minute, and stays', () => {
    const pace = new Pace();
    let distance = 1.65;
    for (let now = 0; now < 20; now += 0.25) {
      const advice = pace.advise(situation(distance, { buffered: distance - 0.2 }), now);
      if (advice === 'jump') throw new Error('a second is no reason to jump');
      distance -= (advice.rate - 1) * 0.25;
      if (now > 15) expect(Math.abs(distance - 0.65)).toBeLessThan(0.1);
    }
  });
});
