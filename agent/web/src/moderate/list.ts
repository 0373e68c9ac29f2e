// The moderators' list: what the server found, and what has been said and done since. Pure.

import { plainText, readBody } from '../chat/body.ts';
import type { Line } from '../chat/messages.ts';
import type { Kept } from './reading.ts';

/** Newest first: what was found, and of the lines that came on the socket those that belong to it. */
export function merge(found: readonly Kept[], lines: readonly Line[], belongs: (message: Kept) => boolean): Kept[] {
  const all = new Map(found.map((message) => [message.id, message]));
  for (const line of lines) {
    if (line.kind !== 'chat') continue;
    const known = all.get(line.id);
    // What came on the socket is never older than what was found: it knows of every change since.
    const message = { ...line, hiddenBy: known?.hiddenBy ?? null };
    if (known !== undefined || belongs(message)) all.set(line.id, message);
  }
  return [...all.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
}

/** Whether a message is one that was looked for, as the server would find. */
export function fits(message: Kept, words: string, user: string | null): boolean {
  if (user !== null && message.user.id !== user) return false;
  const wanted = words.trim().toLowerCase();
  if (wanted === '') return true;
  return [message.user.name, plainText(readBody(message.html))].some((text) => text.toLowerCase().includes(wanted));
}

/** How long until `until`, in words; null for a moment that has passed. */
export function remaining(until: number | null, now: number): string | null {
  if (until === null || until <= now) return null;
  const seconds = Math.ceil((until - now) / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
