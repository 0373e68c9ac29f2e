// The emoji of the chat's picker, as a module of their own that is fetched when the picker is first opened: what a
// person looks for and sees of each, and nothing else of the 1.4 MB there is to know.

import { createRequire } from 'node:module';
import type { Plugin } from 'vite';

const NAME = 'virtual:emoji';

/** One of `emoji-picker-element-data` (en, emojibase layout). */
interface Known {
  emoji: string;
  annotation: string;
  tags?: string[];
  group: number;
  order: number;
  version: number;
}

/** The groups of Unicode in their order; 2 are parts of emoji that mean nothing alone. */
const GROUPS = ['Smileys', 'People', null, 'Nature', 'Food', 'Places', 'Activities', 'Things', 'Signs', 'Flags'];

/** Newest version of Unicode's list whose pictures are on nearly all devices. */
const NEWEST = 15;

/** `[[group, [[emoji, words to find it by], …]], …]` */
export function trimmed(all: readonly Known[]): [string, [string, string][]][] {
  return GROUPS.flatMap((name, group) => {
    if (name === null) return [];
    const inGroup = all.filter((one) => one.group === group && one.version <= NEWEST);
    inGroup.sort((one, other) => one.order - other.order);
    return [[name, inGroup.map((one) => [one.emoji, words(one)])] as [string, [string, string][]]];
  });
}

/** What it is called, and a few more words that are not in that already. */
function words({ annotation, tags = [] }: Known): string {
  const more = tags.filter((tag) => !annotation.includes(tag)).slice(0, 3);
  return [annotation, ...more].join(' ');
}

export function emoji(): Plugin {
  return {
    name: 'nixcast-emoji',
    resolveId: (id) => (id === NAME ? `\0${NAME}` : undefined),
    load(id) {
      if (id !== `\0${NAME}`) return undefined;
      const all = createRequire(import.meta.url)('emoji-picker-element-data/en/emojibase/data.json') as Known[];
      return `export default JSON.parse(${JSON.stringify(JSON.stringify(trimmed(all)))});`;
    },
  };
}
