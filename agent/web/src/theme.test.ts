import { describe, expect, it } from 'vitest';
import type { Theme } from './protocol.ts';
import { colourScheme, themeProperties } from './theme.ts';

const PLAIN: Theme = { background: null, surface: null, text: null, mutedText: null, accent: null, accentText: null };

describe('the declared colours', () => {
  it('give way to the stylesheet where nothing is declared', () => {
    const properties = themeProperties(PLAIN);
    expect(properties.get('color-scheme')).toBe('light dark');
    expect([...properties.values()].filter((value) => value === 'initial')).toHaveLength(6);
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
});
