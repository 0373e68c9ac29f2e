import { describe, expect, it } from 'vitest';
import type { Theme } from './protocol.ts';
import { buttonColours, colourScheme, themeProperties } from './theme.ts';

const PLAIN: Theme = {
  background: null,
  surface: null,
  text: null,
  mutedText: null,
  accent: null,
  accentText: null,
  cornerRadius: null,
};

describe('the declared colours', () => {
  it('give way to the stylesheet where nothing is declared', () => {
    const properties = themeProperties(PLAIN);
    expect(properties.get('color-scheme')).toBe('light dark');
    expect([...properties.values()].filter((value) => value === 'initial')).toHaveLength(7);
  });

  it.each([
    [{ background: '#101010' }, 'dark'],
    [{ background: '#fafafa', text: '#ffffff' }, 'light'],
    [{ surface: '#202030' }, 'dark'],
    [{ text: '#222222' }, 'light'],
    [{ text: '#eeeeee' }, 'dark'],
    [{ accent: '#336699' }, 'light dark'],
  ])('choose the palette that goes with %o', (declared, scheme) => {
    expect(colourScheme({ ...PLAIN, ...declared })).toBe(scheme);
  });

  it('keep text on a lone accent readable', () => {
    expect(themeProperties({ ...PLAIN, accent: '#ffe066' }).get('--theme-accent-text')).toBe('#000000');
    expect(themeProperties({ ...PLAIN, accent: '#3b1a8f' }).get('--theme-accent-text')).toBe('#ffffff');
    const both = { ...PLAIN, accent: '#3b1a8f', accentText: '#eeeeee' };
    expect(themeProperties(both).get('--theme-accent-text')).toBe('#eeeeee');
  });

  it.each(['red', '#12345', '#fff;}', 'url(//a)', '#gggggg', ''])('ignore %s', (hostile) => {
    expect(themeProperties({ ...PLAIN, background: hostile }).get('--theme-background')).toBe('initial');
  });

  it('round the corners as far as declared', () => {
    expect(themeProperties({ ...PLAIN, cornerRadius: 0 }).get('--theme-corner-radius')).toBe('0px');
    expect(themeProperties({ ...PLAIN, cornerRadius: 40 }).get('--theme-corner-radius')).toBe('40px');
  });
});

describe('a button in a colour of its own', () => {
  it.each([
    [null, null, null],
    ['red', null, null],
    ['#FFCC00', '#ffcc00', '#000000'],
    ['#123456', '#123456', '#ffffff'],
    // Half of it lets white through under black text, and black under white text.
    ['#ffcc0080', '#ffe57f', '#000000'],
    ['#12345680', '#091a2b', '#ffffff'],
    ['#ffffff00', '#ffffff', '#000000'],
  ])('%s is readable', (own, ground, text) => {
    expect(buttonColours(own)).toEqual({ ground, text });
  });
});
