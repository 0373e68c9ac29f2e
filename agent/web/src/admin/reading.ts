// What the engine tells the operator's page. The types mirror agent/engine/src/web/admin.rs and history.rs; of what is
// there only what the page shows is named here.

export interface Finding {
  level: 'good' | 'fair' | 'bad';
  sentence: string;
}

export interface Rung {
  name: string;
  state: 'comingUp' | 'published' | 'shed' | 'failed';
  isPassthrough: boolean;
  width: number;
  height: number;
  frameRate: number | null;
  kbps: number;
  speed: number | null;
  busy: number | null;
  encoded: number;
  skipped: number;
}

export interface Broadcast {
  state: 'starting' | 'live' | 'reconnecting';
  streamKey: string;
  /** Seconds since 1970. */
  startedAt: number;
  source: {
    encoder: string | null;
    video: { width: number; height: number; frameRate: number | null; kbps: number; codec: string } | null;
    audio: { sampleRate: number; channels: number; kbps: number } | null;
    receivedKbps: number;
    behindMs: number;
    network: { roundTripMs: number } | null;
  };
  rungs: Rung[];
  worker: { speed: number; cpu: number } | null;
  health: { level: 'good' | 'fair' | 'bad'; findings: Finding[] };
}

export interface Unsettled {
  option: string;
  state: 'held' | 'waiting' | 'pending' | 'drifted';
  reason: string;
}

export interface Status {
  versionNumber: string;
  uptimeSeconds: number;
  generation: number;
  online: boolean;
  broadcast: Broadcast | null;
  health: {
    healthPercentage: number | null;
    representation: number;
    /** How far viewers are behind live; null while nobody says. */
    latencyMs: { lowest: number; median: number; highest: number } | null;
  } | null;
  viewerCount: number;
  sessionPeakViewerCount: number;
  conditions: { kind: string; message: string }[];
  webhooks: { name: string; delivered: number; failed: number; dropped: number; waiting: number; lastError: string | null }[];
  settings: {
    generation: number;
    digest: string;
    acceptedAt: string;
    refusal: string | null;
    unsettled: Unsettled[];
    driftFound: number;
    driftHealed: number;
  } | null;
}

/** One look at the figures that are plotted. */
export interface Look {
  /** Milliseconds since 1970. */
  at: number;
  viewers: number;
  receivedKbps: number | null;
  rungs: { name: string; kbps: number; speed: number | null }[];
}

export interface Line {
  number: number;
  time: string;
  level: 'error' | 'warning' | 'info' | 'debug';
  message: string;
}

export interface Reading {
  now: number;
  status: Status;
  looks: Look[];
  lines: Line[];
}

export interface Setting {
  option: string;
  value: unknown;
  isWithheld: boolean;
  effect: 'live' | 'segment' | 'session' | 'rebind' | null;
}

export interface Session {
  state: 'nobody' | 'out' | 'in';
  user: string | null;
  token: string | null;
}

/** Looks and lines that an open page keeps: as many as the engine does. */
const MOST_LOOKS = 360;
const MOST_LINES = 1000;

/** The newest of `held` and `news`; what came twice, because two answers crossed, is there once. */
export function joined<Item>(held: Item[], news: Item[], place: (item: Item) => number, most: number): Item[] {
  const last = held.length === 0 ? -Infinity : place(held[held.length - 1] as Item);
  return [...held, ...news.filter((item) => place(item) > last)].slice(-most);
}

export const joinedLooks = (held: Look[], news: Look[]): Look[] => joined(held, news, ({ at }) => at, MOST_LOOKS);
export const joinedLines = (held: Line[], news: Line[]): Line[] => joined(held, news, ({ number }) => number, MOST_LINES);

/** Milliseconds after which an answer is no longer waited for. */
const PATIENCE = 10_000;

/** The operator is not logged in any more. */
export class LoggedOut extends Error {}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(path, { ...init, signal: AbortSignal.timeout(PATIENCE) });
}

async function read<Answer>(path: string): Promise<Answer> {
  const reply = await ask(path);
  if (reply.status === 401 || reply.status === 403) throw new LoggedOut(await reply.text());
  if (!reply.ok) throw new Error(`the server answers ${reply.status}`);
  return (await reply.json()) as Answer;
}

export const readSession = (): Promise<Session> => read('/admin/session');

export const readView = (look: number, line: number): Promise<Reading> => read(`/api/admin/view?look=${look}&line=${line}`);

export const readSettings = (): Promise<{ generation: number; settings: Setting[] }> => read('/api/admin/settings');

export const readViewers = (): Promise<{ time: string; value: number }[]> => read('/api/admin/viewersOverTime');

/** The session that begins, or why there is none, for people. */
export async function logIn(name: string, password: string, token: string): Promise<Session | string> {
  try {
    const headers = { 'content-type': 'application/json', 'x-nixcast-token': token };
    const reply = await ask('/admin/login', { method: 'POST', headers, body: JSON.stringify({ name, password }) });
    if (reply.ok) return (await reply.json()) as Session;
    return refusal(reply.status, Number(reply.headers.get('retry-after')));
  } catch {
    return 'The server does not answer. Try again in a moment.';
  }
}

/** Why nobody got in, in a sentence. */
export function refusal(status: number, waitSeconds: number): string {
  switch (status) {
    case 401:
      return 'Wrong name or password.';
    case 403:
      return 'This page was open for too long. Load it again.';
    case 429:
      return `Too many wrong passwords came from here. Wait ${waitSeconds === 1 ? 'a second' : `${waitSeconds || 60} seconds`}.`;
    case 503:
      return 'Others are logging in just now. Try again in a moment.';
    default:
      return `The server answers ${status}.`;
  }
}

export async function logOut(token: string): Promise<void> {
  await ask('/admin/logout', { method: 'POST', headers: { 'x-nixcast-token': token } });
}
