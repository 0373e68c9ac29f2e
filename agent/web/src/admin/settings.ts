// The table of settings: how a value reads, and which rows a search finds. Pure.

import type { Setting } from './reading.ts';

/** When a change takes hold, in a few words. */
export const EFFECTS: Record<NonNullable<Setting['effect']>, string> = {
  live: 'at once',
  segment: 'at the next segment',
  session: 'at once, for its publisher',
  rebind: 'for new connections',
};

/** The value as it would stand in Nix. */
export function written(setting: Pick<Setting, 'value' | 'isWithheld'>): string {
  return setting.isWithheld ? 'set; the agent alone knows where the file is' : nix(setting.value);
}

function nix(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '[ ]' : `[ ${value.map(nix).join(' ')} ]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([name, member]) => `${name} = ${nix(member)};`);
    return members.length === 0 ? '{ }' : `{ ${members.join(' ')} }`;
  }
  if (typeof value === 'string') return JSON.stringify(value).replaceAll('${', '\\${');
  return String(value);
}

/** Rows in which every word of `wish` occurs, in the option or in the value. */
export function found(settings: Setting[], wish: string): Setting[] {
  const words = wish.toLowerCase().split(/\s+/).filter(Boolean);
  return settings.filter((setting) => {
    const text = `${setting.option} ${written(setting)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
