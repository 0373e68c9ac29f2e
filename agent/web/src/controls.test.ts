import { describe, expect, it } from 'vitest';
import { backoff } from './backoff.ts';
import { ago, uptime } from './clock.ts';
import { keyAction, keyName, SHORTCUTS } from './keys.ts';
import { platformIcon } from './platforms.ts';

const press = (key: string, held: object = {}) => ({ key, ctrlKey: false, altKey: false, metaKey: false, ...held });

const at = (tagName: string, isPlayers = true) => ({ tagName, isPlayers });

describe('keys', () => {
  it('belong to the player', () => {
    const keys = [' ', 'K', 'm', 'f', 'l', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 't', 'i', 'c', '?', 'x'];
    const actions = keys.map((key) => keyAction(press(key), at('BODY')));
    const moves = ['back', 'forward', 'louder', 'softer'];
    expect(actions).toEqual(['play', 'play', 'mute', 'full', 'live', ...moves, 'theatre', 'float', 'captions', 'help', null]);
  });

  it('are left to the browser and to the focused control', () => {
    expect(keyAction(press('l', { ctrlKey: true }), at('BODY'))).toBeNull();
    expect(keyAction(press(' '), at('BUTTON'))).toBeNull();
    expect(keyAction(press('ArrowUp'), at('INPUT'))).toBeNull();
    expect(keyAction(press('m'), at('BUTTON'))).toBe('mute');
    expect(keyAction(press('m'), at('INPUT'))).toBe('mute');
  });

  it('are left alone where somebody writes or scrolls', () => {
    for (const tag of ['INPUT', 'TEXTAREA', 'SELECT']) expect(keyAction(press('m'), at(tag, false))).toBeNull();
    expect(keyAction(press('m'), { ...at('DIV', false), isContentEditable: true })).toBeNull();
    expect(keyAction(press('ArrowUp'), at('DIV', false))).toBeNull();
    expect(keyAction(press(' '), at('A', false))).toBeNull();
    expect(keyAction(press('m'), at('BUTTON', false))).toBe('mute');
  });

  it('that are letters can be turned off', () => {
    const ask = (key: string) => keyAction(press(key), at('BODY'), false);
    expect(['m', 'K', '?', ' ', 'ArrowUp'].map(ask)).toEqual([null, null, null, 'play', 'louder']);
  });

  it('are each explained once', () => {
    const keys = SHORTCUTS.flatMap(({ keys }) => keys);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.map(keyName)).toEqual(['K', 'Space', 'M', '↑', '↓', '←', '→', 'L', 'C', 'T', 'F', 'I', '?']);
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

  it('says how long ago a broadcast ended', () => {
    const moments = [-5, 59, 60, 119, 3600, 86_399, 86_400, 2_591_999, 2_592_000, 31_535_999, 31_536_000, 99_999_999];
    const said = ['just now', 'just now', '1 minute ago', '1 minute ago', '1 hour ago', '23 hours ago', '1 day ago'];
    said.push('29 days ago', '1 month ago', '12 months ago', '1 year ago', '3 years ago');
    expect(moments.map((seconds) => ago(seconds))).toEqual(said);
  });

  it('knows platforms however they are written', () => {
    expect(platformIcon('YouTube')).toBe(platformIcon('youtube'));
    expect(platformIcon('Ko-fi')).not.toBeNull();
    expect(platformIcon('my own place')).toBeNull();
  });
});
