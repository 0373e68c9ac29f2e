// The declared colours and corners, as custom properties. The same rules are in
// agent/engine/src/web/shell/theme.rs, which makes the colours of the first paint; this module repaints an open page.

import type { Theme } from './protocol.ts';

type ColourName = Exclude<keyof Theme, 'cornerRadius'>;

const PROPERTIES: Record<ColourName, string> = {
  background: '--theme-background',
  surface: '--theme-surface',
  text: '--theme-text',
  mutedText: '--theme-muted-text',
  accent: '--theme-accent',
  accentText: '--theme-accent-text',
};

const COLOUR = /^#(?:[0-9a-f]{6}|[0-9a-f]{8})$/i;

/** The relative luminance at which black and white text contrast equally (WCAG 2.2: sqrt(1.05 * 0.05) - 0.05). */
const MIDDLE = 0.179;

/**
 * Every property of the page's root that a theme decides. `initial` makes a custom property invalid on purpose, so
 * that the stylesheet falls back to its own palette, whatever the page wore when it was loaded.
 */
export function themeProperties(theme: Theme): Map<string, string> {
  const properties = new Map<string, string>();
  for (const key of Object.keys(PROPERTIES) as ColourName[]) {
    properties.set(PROPERTIES[key], colour(theme[key]) ?? 'initial');
  }
  const accent = colour(theme.accent);
  if (accent !== null && colour(theme.accentText) === null) {
    properties.set(PROPERTIES.accentText, readableOn(accent));
  }
  const { cornerRadius } = theme;
  properties.set('--theme-corner-radius', typeof cornerRadius === 'number' ? `${cornerRadius}px` : 'initial');
  properties.set('color-scheme', colourScheme(theme));
  return properties;
}

/** Which palette fills in what the theme leaves open, so that no declared colour meets its own kind. */
export function colourScheme(theme: Theme): 'light' | 'dark' | 'light dark' {
  const behind = colour(theme.background) ?? colour(theme.surface);
  if (behind !== null) return isLight(behind) ? 'light' : 'dark';
  const text = colour(theme.text);
  if (text !== null) return isLight(text) ? 'dark' : 'light';
  return 'light dark';
}

/** Repaints an open page. Nothing of this touches a video element. */
export function applyTheme(theme: Theme, root: HTMLElement): void {
  for (const [property, value] of themeProperties(theme)) root.style.setProperty(property, value);
}

/**
 * The two colours of a button, both null for those of the accent. A colour that lets something through is mixed with
 * what its text is not, so that the text is readable whatever the page's background.
 */
export function buttonColours(own: string | null): { ground: string | null; text: string | null } {
  const ground = colour(own);
  if (ground === null) return { ground: null, text: null };
  const text = readableOn(ground);
  return { ground: opaque(ground, text === '#000000' ? 255 : 0), text };
}

/** `hex` over a grey of `under`, 0 to 255. */
function opaque(hex: string, under: number): string {
  const share = hex.length > 7 ? parseInt(hex.slice(7), 16) / 255 : 1;
  const mixed = [1, 3, 5].map((at) => Math.round(parseInt(hex.slice(at, at + 2), 16) * share + under * (1 - share)));
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}

function readableOn(hex: string): '#000000' | '#ffffff' {
  return isLight(hex) ? '#000000' : '#ffffff';
}

function colour(value: string | null): string | null {
  return typeof value === 'string' && COLOUR.test(value) ? value : null;
}

function isLight(hex: string): boolean {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => linear(parseInt(hex.slice(at, at + 2), 16) / 255));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > MIDDLE;
}

function linear(channel: number): number {
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
}
