import { describe, expect, it } from 'vitest';
import { joined, refusal, type Setting } from './reading.ts';
import { found, written } from './settings.ts';

const setting = (option: string, value: unknown, isWithheld = false): Setting => ({ option, value, isWithheld, effect: 'live' });

describe('the table of settings', () => {
  it('writes values as Nix does', () => {
    const read = (value: unknown) => written({ value, isWithheld: false });
    expect([null, true, 8080, 'a "b" ${c}', [], ['x', 1], { url: 'u' }, {}].map(read)).toEqual([
      'null',
      'true',
      '8080',
      '"a \\"b\\" \\${c}"',
      '[ ]',
      '[ "x" 1 ]',
      '{ url = "u"; }',
      '{ }',
    ]);
    expect(written({ value: null, isWithheld: true })).toContain('agent alone');
  });

  it('finds rows by every word, in option or value', () => {
    const all = [setting('services.nixcast.http.port', 8080), setting('services.nixcast.rtmp.port', 1935), setting('services.nixcast.instance.name', 'Harbour')];
    const options = (wish: string) => found(all, wish).map(({ option }) => option.split('.').slice(2).join('.'));
    expect(options('port')).toEqual(['http.port', 'rtmp.port']);
    expect(options('PORT 19')).toEqual(['rtmp.port']);
    expect(options('harbour')).toEqual(['instance.name']);
    expect(options('  ')).toHaveLength(3);
    expect(options('nothing')).toEqual([]);
  });
});

describe('what an open page keeps', () => {
  it('is the newest, each once', () => {
    const number = (item: number) => item;
    expect(joined([1, 2, 3], [3, 4], number, 10)).toEqual([1, 2, 3, 4]);
    expect(joined([1, 2, 3], [4, 5], number, 3)).toEqual([3, 4, 5]);
    expect(joined([], [1], number, 3)).toEqual([1]);
  });

  it('tells in a sentence why nobody got in', () => {
    expect(refusal(429, 8)).toContain('8 seconds');
    expect(refusal(429, 1)).toContain('a second');
    expect(refusal(401, 0)).toBe('Wrong name or password.');
  });
});
