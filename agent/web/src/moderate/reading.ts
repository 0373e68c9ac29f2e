// What moderators read of the chat, asked of the server. Everything is read as if the server could not be trusted to
// know the format; what is not understood is left out.

import { type ChatMessage, type Fields, isFields, readMessage, readUser, type User } from '../chat/protocol.ts';

/** A message, with what viewers are not told of it. */
export interface Kept extends ChatMessage {
  /** Who hid it; null where nobody did, or where that is not known. */
  hiddenBy: string | null;
}

export interface Person {
  user: User;
  /** Sockets that are open now. */
  connections: number;
  /** Milliseconds since 1970; null for not. */
  bannedAt: number | null;
  timedOutUntil: number | null;
  /** `declared` by the operator, or `promoted` by another moderator. */
  moderator: 'declared' | 'promoted' | null;
}

/** Of a network or of somebody. */
export interface Ban {
  of: { network: string } | { user: string; name: string };
  by: string | null;
  at: number | null;
  reason: string;
}

/** One thing that a moderator did. */
export interface Entry {
  at: number;
  /** The whole of it, names included. */
  sentence: string;
}

export interface MessageQuery {
  /** Words in what was said, or in the name of who said it. */
  words: string;
  /** Id of the one whose messages alone are wanted. */
  user: string | null;
  /** Only those before this one. */
  before: string | null;
}

/** Messages on one page of the list. */
export const MESSAGES_AT_ONCE = 100;

/** Newest first, hidden ones included. Throws what `ask` throws. */
export async function readMessages(token: string, { words, user, before }: MessageQuery, signal: AbortSignal): Promise<Kept[]> {
  const list = await ask('/api/chat/moderation/messages', token, { q: words, user, before, limit: MESSAGES_AT_ONCE }, signal);
  return list.flatMap((one) => keptOf(one) ?? []);
}

export async function readPeople(token: string, words: string, signal: AbortSignal): Promise<Person[]> {
  return (await ask('/api/chat/moderation/users', token, { q: words }, signal)).flatMap((one) => personOf(one) ?? []);
}

/** Newest first. */
export async function readBans(token: string, signal: AbortSignal): Promise<Ban[]> {
  return (await ask('/api/chat/bans', token, {}, signal)).flatMap((one) => banOf(one) ?? []);
}

/** Newest first. */
export async function readAudit(token: string, signal: AbortSignal): Promise<Entry[]> {
  return (await ask('/api/chat/moderation/audit', token, { limit: 200 }, signal)).flatMap((one) => entryOf(one) ?? []);
}

/** Throws where the server does not answer with a list. */
async function ask(path: string, token: string, wanted: Record<string, string | number | null>, signal: AbortSignal): Promise<unknown[]> {
  const query = new URLSearchParams({ accessToken: token });
  for (const [name, value] of Object.entries(wanted)) if (value !== null && value !== '') query.set(name, String(value));
  const reply = await fetch(`${path}?${query}`, { signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) });
  if (!reply.ok) throw new Error(`${path} was answered with ${reply.status}`);
  const list: unknown = await reply.json();
  if (!Array.isArray(list)) throw new Error(`${path} was answered with something else`);
  return list;
}

export function keptOf(value: unknown): Kept | null {
  const message = isFields(value) ? readMessage(value) : null;
  return message && { ...message, hiddenBy: words((value as Fields)['hiddenBy']) || null };
}

export function personOf(value: unknown): Person | null {
  if (!isFields(value)) return null;
  const user = readUser(value['user']);
  const { connections, moderator } = value;
  return (
    user && {
      user,
      connections: typeof connections === 'number' ? connections : Array.isArray(connections) ? connections.length : 0,
      bannedAt: moment(value['bannedAt']),
      timedOutUntil: moment(value['timedOutUntil']),
      moderator: moderator === 'declared' || moderator === 'promoted' ? moderator : null,
    }
  );
}

export function banOf(value: unknown): Ban | null {
  if (!isFields(value)) return null;
  const { network, userId: user, name } = value;
  const of = typeof network === 'string' ? { network } : typeof user === 'string' ? { user, name: words(name) || user } : null;
  return of && { of, by: words(value['by']) || null, at: moment(value['at']), reason: words(value['reason']) };
}

export function entryOf(value: unknown): Entry | null {
  if (!isFields(value)) return null;
  const [at, sentence] = [moment(value['at']), words(value['detail'])];
  return at === null || sentence === '' ? null : { at, sentence };
}

/** An RFC 3339 moment, or milliseconds since 1970. */
function moment(value: unknown): number | null {
  const at = typeof value === 'number' ? value : typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isFinite(at) ? at : null;
}

function words(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
