// What is being written, kept for this tab alone: a reload does not lose it.

import type { Shelf } from '../preferences.ts';

const KEY = 'nixcast-draft';

/** More than any message may have. */
const MOST = 20_000;

export class Draft {
  constructor(readonly shelf: () => Shelf) {}

  read(): string {
    try {
      return (this.shelf().getItem(KEY) ?? '').slice(0, MOST);
    } catch {
      return '';
    }
  }

  keep(text: string): void {
    try {
      this.shelf().setItem(KEY, text.slice(0, MOST));
    } catch {
      // It lasts as long as the page.
    }
  }
}

/** How long the server finds a message. */
export function bytesOf(text: string): number {
  return new TextEncoder().encode(text.trim()).length;
}

/** How many characters have to go from its end until a message has at most so many bytes. */
export function surplus(text: string, mostBytes: number): number {
  const characters = [...text.trim()];
  let bytes = bytesOf(text);
  let count = 0;
  while (bytes > mostBytes) bytes -= bytesOf(characters.at(-++count) ?? '') || 1;
  return count;
}
