// The declared colours, as custom properties. The same rules are in theme_css of agent/engine/src/web/view.rs,
// which serves the colours of the first paint; this module repaints an open page.

import type { Theme } from './protocol.ts';

const PROPERTIES: Record<keyof Theme, string> = {
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
 * that the stylesheet falls back to its own palette, whatever /theme.css said when the page was loaded.
 */
export function themeProperties(theme: Theme): Map<string, string> {
  const properties = new Map<string, string>();
  for (const key of Object.keys(PROPERTIES) as (keyof Theme)[]) {
    properties.set(PROPERTIES[key], colour(theme[key]) ?? 'initial');
  }
  const accent = colour(theme.accent);
  if (accent !== null && colour(theme.accentText) === null) {
    properties.set(PROPERTIES.accentText, isLight(accent) ? '#000000' : '#ffffff');
  }
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
