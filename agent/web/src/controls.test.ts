import { describe, expect, it } from 'vitest';
import { backoff } from './backoff.ts';
import { uptime } from './clock.ts';
import { keyAction } from './keys.ts';
import { platformIcon } from './platforms.ts';
import { readSound } from './sound.ts';

const press = (key: string, held: object = {}) => ({ key, ctrlKey: false, altKey: false, metaKey: false, ...held });

describe('keys', () => {
  it('belong to the player', () => {
    const keys = [' ', 'K', 'm', 'f', 'l', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'x'];
    const actions = keys.map((key) => keyAction(press(key), { tagName: 'BODY' }));
    expect(actions).toEqual(['play', 'play', 'mute', 'full', 'live', 'back', 'forward', 'louder', 'softer', null]);
  });

  it('are left to the browser and to the focused control', () => {
    expect(keyAction(press('l', { ctrlKey: true }), { tagName: 'BODY' })).toBeNull();
    expect(keyAction(press(' '), { tagName: 'BUTTON' })).toBeNull();
    expect(keyAction(press('ArrowUp'), { tagName: 'INPUT' })).toBeNull();
    expect(keyAction(press('m'), { tagName: 'BUTTON' })).toBe('mute');
  });
});

describe('waiting', () => {
  it('doubles, is bounded, and is half jitter', () => {
    expect([0, 1, 2, 99].map((attempt) => backoff(attempt, 0, 15_000))).toEqual([250, 500, 1000, 7500]);
    expect(backoff(0, 0.5, 15_000)).toBe(375);
    expect(backoff(99, 0.999, 15_000)).toBeLessThan(15_000);
  });
});

describe('what is shown', () => {
  it('counts how long a broadcast has been on', () => {
    expect([-5, 0, 61, 724, 3600, 11_265.9].map((seconds) => uptime(seconds))).toEqual(['0:00', '0:00', '1:01', '12:04', '1:00:00', '3:07:45']);
  });

  it('knows platforms however they are written', () => {
    expect(platformIcon('YouTube')).toBe(platformIcon('youtube'));
    expect(platformIcon('Ko-fi')).not.toBeNull();
    expect(platformIcon('my own place')).toBeNull();
  });

  it('forgets a stored volume that is none', () => {
    expect(readSound('{"volume":0.5,"isMuted":true}')).toEqual({ volume: 0.5, isMuted: true });
    for (const stored of [null, '', '{}', 'null', '{"volume":7,"isMuted":false}', '{"volume":"1","isMuted":false}']) {
      expect(readSound(stored)).toEqual({ volume: 1, isMuted: false });
    }
  });
});
