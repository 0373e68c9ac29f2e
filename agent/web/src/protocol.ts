// What the engine tells the page, and how a frame of the event socket is read.
// The types mirror agent/engine/src/web/view.rs.

export interface Theme {
  background: string | null;
  surface: string | null;
  text: string | null;
  mutedText: string | null;
  accent: string | null;
  accentText: string | null;
}

export interface SocialHandle {
  platform: string;
  url: string;
}

export interface Page {
  name: string;
  summary: string;
  tags: string[];
  socialHandles: SocialHandle[];
  offlineMessage: string;
  theme: Theme;
  /** Address of the picture, or null for the built-in mark. */
  logo: string | null;
}

/** One quality as published. */
export interface Variant {
  name: string;
  width: number;
  height: number;
}

export interface Broadcast {
  /** Eight hex characters, new for each broadcast. */
  id: string;
  /** Seconds since 1970. */
  startedAt: number;
  /** Address of the multivariant playlist. */
  playlist: string;
  /** Grows each time the ladder changes while live. */
  ladderRevision: number;
  variants: Variant[];
}

export interface Snapshot {
  page: Page;
  broadcast: Broadcast | null;
}

export type Message =
  | ({ kind: 'hello' } & Snapshot)
  | { kind: 'page'; page: Page }
  | { kind: 'broadcast'; broadcast: Broadcast | null };

/** Reads one text frame. A frame of a kind this build does not know is skipped, so that the engine may grow. */
export function readMessage(text: string): Message | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value)) return null;
  const knowsPage = isPage(value['page']);
  const knowsBroadcast = value['broadcast'] === null || isBroadcast(value['broadcast']);
  if (value['kind'] === 'hello' && knowsPage && knowsBroadcast) return value as Message;
  if (value['kind'] === 'page' && knowsPage) return value as Message;
  if (value['kind'] === 'broadcast' && knowsBroadcast) return value as Message;
  return null;
}

/** The address if it leads to the web, else null: an address is the one value here that a click would run. */
export function webUrl(address: string): string | null {
  try {
    const url = new URL(address);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPage(value: unknown): value is Page {
  return (
    isRecord(value) &&
    typeof value['name'] === 'string' &&
    typeof value['summary'] === 'string' &&
    typeof value['offlineMessage'] === 'string' &&
    Array.isArray(value['tags']) &&
    Array.isArray(value['socialHandles']) &&
    isRecord(value['theme'])
  );
}

function isBroadcast(value: unknown): value is Broadcast {
  return (
    isRecord(value) &&
    typeof value['id'] === 'string' &&
    typeof value['startedAt'] === 'number' &&
    typeof value['playlist'] === 'string' &&
    typeof value['ladderRevision'] === 'number' &&
    Array.isArray(value['variants'])
  );
}
