import { describe, expect, it } from 'vitest';
import { trimmed } from '../../build/emoji.ts';
import { bytesOf, Draft, surplus } from './draft.ts';
import { findEmoji, type Group, ownEmoji } from './emoji.ts';
import { hide, pause, restore } from './moderation.ts';

const sign = (text: string, words: string) => ({ text, words, picture: null });
const groups: Group[] = [
  { name: 'Smileys', all: [sign('😀', 'grinning face happy'), sign('😢', 'crying face')] },
  { name: 'Places', all: [sign('⛵', 'sailboat sea')] },
];

describe('emoji', () => {
  it('are found by all words that are typed', () => {
    const found = (wanted: string) => findEmoji(groups, wanted).map(({ name, all }) => [name, ...all.map(({ text }) => text)]);
    expect(found('face')).toEqual([['Smileys', '😀', '😢']]);
    expect(found(' Face :HAPPY: ')).toEqual([['Smileys', '😀']]);
    expect(found('')).toEqual([['Smileys', '😀', '😢'], ['Places', '⛵']]);
    expect(found('zebra')).toEqual([]);
  });

  it('of the operator come from this server alone', () => {
    const good = { name: 'wave', url: '/img/emoji/wave.png' };
    expect(ownEmoji([good])).toEqual([{ text: ':wave:', words: 'wave', picture: '/img/emoji/wave.png' }]);
    expect(ownEmoji([{ name: '+1', url: '/img/emoji/+1.svg' }])).toHaveLength(1);
    const strange = [null, 7, {}, { ...good, url: 'https://a.example/x.png' }, { ...good, url: '/img/emoji/../x' }, { ...good, name: 3 }];
    expect(ownEmoji(strange)).toEqual([]);
    expect(ownEmoji({ name: 'x' })).toEqual([]);
  });

  it('are trimmed to what a person sees and looks for', () => {
    const known = (emoji: string, group: number, order: number, version = 1, tags: string[] = []) => ({ emoji, annotation: `${emoji} name`, group, order, version, tags });
    const all = [known('b', 0, 2, 1, ['name', 'one', 'two', 'three', 'four']), known('a', 0, 1), known('skin', 2, 1), known('new', 0, 3, 16), known('f', 9, 1)];
    const made = trimmed(all);
    expect(made.map(([name]) => name)).toEqual(['Smileys', 'People', 'Nature', 'Food', 'Places', 'Activities', 'Things', 'Signs', 'Flags']);
    expect(made[0]?.[1]).toEqual([['a', 'a name'], ['b', 'b name one two three']]);
    expect(made.at(-1)?.[1]).toEqual([['f', 'f name']]);
  });
});

describe('a draft', () => {
  it('is there after a reload, and is forgotten where nothing may be stored', () => {
    const kept = new Map<string, string>();
    const shelf = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
    new Draft(() => shelf).keep('half a sent');
    expect(new Draft(() => shelf).read()).toBe('half a sent');
    const locked = new Draft(() => {
      throw new Error('locked');
    });
    locked.keep('x');
    expect(locked.read()).toBe('');
  });

  it('is measured as the server measures it', () => {
    expect([bytesOf(' a '), bytesOf('ä'), bytesOf('⛵'), bytesOf('')]).toEqual([1, 2, 3, 0]);
    expect([surplus(' abc ', 3), surplus('abc', 1), surplus('ab⛵ ⛵', 6), surplus('', 0)]).toEqual([0, 2, 1, 0]);
  });
});

describe('a deed', () => {
  it('is asked for as Owncast has it, where it has it', () => {
    expect(hide(['a'])).toEqual({ path: '/api/chat/messagevisibility', body: { idArray: ['a'], visible: false } });
    expect(restore(['a', 'b']).body).toEqual({ idArray: ['a', 'b'], visible: true });
    expect(pause('u', 600)).toEqual({ path: '/api/chat/users/timeout', body: { userId: 'u', seconds: 600 } });
  });
});
