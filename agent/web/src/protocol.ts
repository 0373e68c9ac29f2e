// What the engine tells the page, and how a frame of the event socket is read.
// The types mirror agent/engine/src/web/view.rs.

export interface Theme {
  background: string | null;
  surface: string | null;
  text: string | null;
  mutedText: string | null;
  accent: string | null;
  accentText: string | null;
  /** CSS pixels, 0 to 40; null for the page's own. */
  cornerRadius: number | null;
}

export interface SocialHandle {
  platform: string;
  url: string;
}

/** A button that leads elsewhere. */
export interface ExternalAction {
  title: string;
  /** Where it leads, on the web. */
  url: string;
  /** What happens there; may be empty. */
  description: string;
  /** `#rrggbb` or `#rrggbbaa`; null for the accent. */
  colour: string | null;
  openExternally: boolean;
  /** Address on this server of a page that holds `url` in a sandbox; null where a click opens another tab. */
  frame: string | null;
}

/** When the player starts by itself: never, always (silent where the browser wants it so), only with sound. */
export type Autoplay = 'off' | 'always' | 'soundOnly';

/** What of the chat's rules a page has to know. */
export interface ChatSettings {
  /** Whether messages can be marked as questions. */
  questions: boolean;
  /** Least seconds between two messages of one viewer; 0: none. */
  slowModeSeconds: number;
  /** Longest message as typed. */
  maxMessageBytes: number;
}

export interface Page {
  name: string;
  summary: string;
  tags: string[];
  socialHandles: SocialHandle[];
  /** Sanitised HTML; empty for the page's own words. */
  offlineHtml: string;
  /** Sanitised HTML below everything else; empty for none. */
  contentHtml: string;
  theme: Theme;
  /** Address of the picture, or null for the built-in mark. */
  logo: string | null;
  /** Address of the operator's stylesheet; another text is another address. */
  customCss: string | null;
  /** Address of the operator's script; another text is another address. */
  customJavascript: string | null;
  externalActions: ExternalAction[];
  showViewerCount: boolean;
  autoplay: Autoplay;
  nsfw: boolean;
  searchIndexing: boolean;
  publicUrl: string | null;
  /** Null where there is no chat, and missing where the server knows of none. */
  chat?: ChatSettings | null;
}

/** One quality as published. */
export interface Variant {
  name: string;
  width: number;
  height: number;
}

/** A wait for the publisher; times in seconds since 1970. */
export interface Reconnecting {
  /** When the last of it arrived. */
  since: number;
  /** When the broadcast ends without it; null while its connection stands. */
  until: number | null;
}

export interface Broadcast {
  /** Eight hex characters, new for each broadcast. */
  id: string;
  /** Seconds since 1970. */
  startedAt: number;
  /** Present while nothing arrives from the publisher: the last picture stays, and more may follow. */
  reconnecting: Reconnecting | null;
  /** Address of the multivariant playlist. */
  playlist: string;
  /** Grows each time the ladder changes while live. */
  ladderRevision: number;
  variants: Variant[];
}

export interface Snapshot {
  page: Page;
  /** What the stream is about; empty where nobody says, and missing where the server knows of none. */
  title?: string;
  broadcast: Broadcast | null;
  /** How many watch; null while nobody publishes, or when it is nobody's business. */
  viewers: number | null;
  /** When the last broadcast ended, in seconds since 1970; null if none is known of. */
  lastLive: number | null;
}

export type Message =
  /** `now`: the server's clock, in milliseconds since 1970. */
  | ({ kind: 'hello'; now?: number } & Snapshot)
  | { kind: 'page'; page: Page }
  | { kind: 'broadcast'; broadcast: Broadcast | null; lastLive: number | null }
  | { kind: 'viewers'; viewers: number | null }
  | { kind: 'title'; title: string };

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
  const knowsViewers = isNumberOrNull(value['viewers']);
  const knowsLast = isNumberOrNull(value['lastLive']);
  const knowsTitle = value['title'] === undefined || isString(value['title']);
  const knowsNow = value['now'] === undefined || Number.isFinite(value['now']);
  if (value['kind'] === 'hello' && knowsNow && knowsTitle && knowsPage && knowsBroadcast && knowsViewers && knowsLast) return value as Message;
  if (value['kind'] === 'page' && knowsPage) return value as Message;
  if (value['kind'] === 'broadcast' && knowsBroadcast && knowsLast) return value as Message;
  if (value['kind'] === 'viewers' && knowsViewers) return value as Message;
  if (value['kind'] === 'title' && isString(value['title'])) return value as Message;
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

/** The address if it leads to this very server, else null: what runs in the page or is framed by it comes from here. */
export function ownAddress(address: string | null): string | null {
  return address !== null && /^\/[^/\\]/.test(address) ? address : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What each field of a page has to be. A missing one would otherwise show as an error in the middle of a redraw. */
const PAGE: Record<keyof Required<Page>, (value: unknown) => boolean> = {
  name: isString,
  summary: isString,
  tags: Array.isArray,
  socialHandles: Array.isArray,
  offlineHtml: isString,
  contentHtml: isString,
  theme: isRecord,
  logo: isStringOrNull,
  customCss: isStringOrNull,
  customJavascript: isStringOrNull,
  externalActions: (value) => Array.isArray(value) && value.every(isAction),
  showViewerCount: isBoolean,
  autoplay: (value) => value === 'off' || value === 'always' || value === 'soundOnly',
  nsfw: isBoolean,
  searchIndexing: isBoolean,
  publicUrl: isStringOrNull,
  chat: (value) => value === undefined || value === null || isChat(value),
};

function isPage(value: unknown): value is Page {
  return isRecord(value) && Object.entries(PAGE).every(([key, isRight]) => isRight(value[key]));
}

function isChat(value: unknown): value is ChatSettings {
  return (
    isRecord(value) &&
    isBoolean(value['questions']) &&
    typeof value['slowModeSeconds'] === 'number' &&
    typeof value['maxMessageBytes'] === 'number'
  );
}

function isAction(value: unknown): value is ExternalAction {
  return (
    isRecord(value) &&
    isString(value['title']) &&
    isString(value['url']) &&
    isString(value['description']) &&
    isStringOrNull(value['colour']) &&
    isBoolean(value['openExternally']) &&
    isStringOrNull(value['frame'])
  );
}

function isBroadcast(value: unknown): value is Broadcast {
  return (
    isRecord(value) &&
    typeof value['id'] === 'string' &&
    typeof value['startedAt'] === 'number' &&
    (value['reconnecting'] === null || isReconnecting(value['reconnecting'])) &&
    typeof value['playlist'] === 'string' &&
    typeof value['ladderRevision'] === 'number' &&
    Array.isArray(value['variants'])
  );
}

function isReconnecting(value: unknown): value is Reconnecting {
  return isRecord(value) && typeof value['since'] === 'number' && isNumberOrNull(value['until']);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isStringOrNull(value: unknown): value is string | null {
  return value === null || isString(value);
}

function isNumberOrNull(value: unknown): value is number | null {
  return value === null || typeof value === 'number';
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}
