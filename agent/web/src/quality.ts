// Which variant an hls.js level is, and what the quality menu says.
// A viewer's choice is kept by name, because level numbers change with the ladder.

import type { Variant } from './protocol.ts';

/** The name of a variant, or null for automatic. */
export type Choice = string | null;

/** One line of a menu of the player. */
export interface MenuItem {
  choice: string | null;
  label: string;
  detail: string;
}

/** The variant whose media playlist `address` is (`…/video/<name>/stream.m3u8`). */
export function variantOf(address: string, variants: readonly Variant[]): Variant | null {
  const folder = folderOf(address);
  return variants.find((variant) => variant.name === folder) ?? null;
}

/** The choice if the ladder still offers it, else automatic. */
export function keepChoice(choice: Choice, variants: readonly Variant[]): Choice {
  return variants.some((variant) => variant.name === choice) ? choice : null;
}

/** Automatic first, then the ladder in the operator's order. `playing` is the variant now on screen. */
export function menuItems(variants: readonly Variant[], playing: string | null): MenuItem[] {
  return [
    { choice: null, label: 'Auto', detail: playing ?? '' },
    ...variants.map((variant) => ({ choice: variant.name, label: variant.name, detail: pictureSize(variant) })),
  ];
}

function pictureSize({ width, height }: Variant): string {
  return width > 0 && height > 0 ? `${width} × ${height}` : '';
}

function folderOf(address: string): string | null {
  try {
    const steps = new URL(address, 'http://page.invalid').pathname.split('/');
    const folder = steps.at(-2);
    return folder === undefined || steps.at(-3) !== 'video' ? null : decodeURIComponent(folder);
  } catch {
    return null;
  }
}
