// What chat server and page say to each other: Owncast's events, and a few of our own. Every event is read as if its
// sender could not be trusted to know the format; what is not understood is skipped.

export interface User {
  id: string;
  name: string;
  /** Place in the palette, 0 to 7. */
  colour: number;
  isModerator: boolean;
  isBot: boolean;
}

/** How a question stands. */
export interface Standing {
  votes: number;
  isAnswered: boolean;
}

export interface ChatMessage {
  kind: 'chat';
  id: string;
  /** Milliseconds since 1970. */
  at: number;
  /** As the server sanitised it. */
  html: string;
  user: User;
  isVisible: boolean;
  /** The sender's own mark. */
  nonce: string | null;
  /** Id of the message it answers. */
  replyTo: string | null;
  question: Standing | null;
}

/** Said by the host (with its name) or by nobody in particular. */
export interface Announcement {
  kind: 'announcement';
  id: string;
  at: number;
  html: string;
  author: string | null;
  isVisible: boolean;
}

/** Something that happened to somebody, in our own words. */
export interface Note {
  kind: 'note';
  id: string;
  at: number;
  text: string;
}

export type ChatEvent =
  | ChatMessage
  | Announcement
  | Note
  /** A question that was asked some time ago. */
  | { kind: 'asked'; question: ChatMessage }
  | { kind: 'self'; user: User }
  | { kind: 'visibility'; ids: string[]; isVisible: boolean }
  | { kind: 'question'; id: string; standing: Standing; isWithdrawn: boolean }
  | { kind: 'resumed'; id: string; isComplete: boolean }
  /** Whether people may talk, which ends some time after the stream. */
  | { kind: 'opening'; isOpen: boolean }
  | { kind: 'taken'; nonce: string }
  | { kind: 'refused'; nonce: string; html: string }
  | { kind: 'unregistered' }
  | { kind: 'disabled' };

export type Command =
  | { type: 'CHAT'; body: string; nonce: string; replyTo?: string; question?: true }
  | { type: 'NAME_CHANGE'; newName: string }
  | { type: 'COLOR_CHANGE'; newColor: number }
  | { type: 'UPVOTE'; id: string; withdraw?: true };

/** Colours a viewer can choose from, as in Owncast. */
export const COLOURS = 8;

/** Longest name, in characters. */
export const LONGEST_NAME = 30;

export type Fields = Record<string, unknown>;

/** The events of one text frame, which are joined by line breaks. */
export function readFrame(text: string): ChatEvent[] {
  return text.split('\n').flatMap((line) => {
    const event = line.trim() === '' ? null : readEvent(line);
    return event === null ? [] : [event];
  });
}

function readEvent(line: string): ChatEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  return isFields(value) && typeof value['type'] === 'string' ? (READERS.get(value['type'])?.(value) ?? null) : null;
}

type Reader = (value: Fields) => ChatEvent | null;

/** A map, because the name comes from outside and objects inherit names. */
const READERS = new Map<string, Reader>(Object.entries<Reader>({
  CHAT: readMessage,
  SYSTEM: (value) => announcement(value, name(value['user']) ?? ''),
  CHAT_ACTION: (value) => announcement(value, null),
  CONNECTED_USER_INFO: (value) => {
    const user = readUser(value['user']);
    return user === null ? null : { kind: 'self', user };
  },
  USER_JOINED: (value) => note(value, (who) => `${who} joined the chat.`),
  USER_PARTED: (value) => note(value, (who) => `${who} left the chat.`),
  NAME_CHANGE: (value) => {
    const old = text(value['oldName']);
    return old === null ? null : note(value, (who) => `${old} is now known as ${who}.`);
  },
  'VISIBILITY-UPDATE': (value) => {
    const { ids, visible } = value;
    if (!Array.isArray(ids) || typeof visible !== 'boolean') return null;
    return { kind: 'visibility', ids: ids.filter((id) => typeof id === 'string'), isVisible: visible };
  },
  'QUESTION-UPDATE': (value) => {
    const [id, standing] = [text(value['messageId']), readStanding(value)];
    const isWithdrawn = value['withdrawn'] === true;
    return id === null || standing === null ? null : { kind: 'question', id, standing, isWithdrawn };
  },
  RESUMED: (value) => {
    const id = text(value['id']);
    return id === null ? null : { kind: 'resumed', id, isComplete: value['complete'] === true };
  },
  OPENING: ({ open }) => (typeof open === 'boolean' ? { kind: 'opening', isOpen: open } : null),
  TAKEN: (value) => {
    const nonce = text(value['nonce']);
    return nonce === null ? null : { kind: 'taken', nonce };
  },
  REFUSED: (value) => {
    const [nonce, html] = [text(value['nonce']), text(value['body'])];
    return nonce === null || html === null ? null : { kind: 'refused', nonce, html };
  },
  ERROR_NEEDS_REGISTRATION: () => ({ kind: 'unregistered' }),
  ERROR_USER_DISABLED: () => ({ kind: 'disabled' }),
  FEDIVERSE_ENGAGEMENT_FOLLOW: (value) => announcement(value, null),
  FEDIVERSE_ENGAGEMENT_LIKE: (value) => announcement(value, null),
  FEDIVERSE_ENGAGEMENT_REPOST: (value) => announcement(value, null),
}));

/** A question as a list of them has it. */
export function readQuestion(value: unknown): ChatMessage | null {
  return isFields(value) ? readMessage({ ...value, question: { votes: value['votes'], answered: value['answered'] } }) : null;
}

export function readMessage(value: Fields): ChatMessage | null {
  const [id, html, user] = [text(value['id']), text(value['body']), readUser(value['user'])];
  if (id === null || html === null || user === null) return null;
  return {
    kind: 'chat',
    id,
    at: moment(value['timestamp']),
    html,
    user,
    isVisible: value['visible'] !== false,
    nonce: text(value['nonce']),
    replyTo: text(value['replyTo']),
    question: isFields(value['question']) ? readStanding(value['question']) : null,
  };
}

function announcement(value: Fields, author: string | null): Announcement | null {
  const [id, html] = [text(value['id']), text(value['body'])];
  return id === null || html === null ? null : { kind: 'announcement', id, at: moment(value['timestamp']), html, author, isVisible: true };
}

function note(value: Fields, say: (who: string) => string): Note | null {
  const [id, who] = [text(value['id']), name(value['user'])];
  return id === null || who === null ? null : { kind: 'note', id, at: moment(value['timestamp']), text: say(who) };
}

export function readUser(value: unknown): User | null {
  if (!isFields(value)) return null;
  const [id, shown] = [text(value['id']), text(value['displayName'])];
  if (id === null || shown === null) return null;
  const { displayColor: colour, scopes } = value;
  return {
    id,
    name: shown,
    colour: typeof colour === 'number' && Number.isInteger(colour) ? Math.abs(colour) % COLOURS : 0,
    isModerator: Array.isArray(scopes) && scopes.includes('MODERATOR'),
    isBot: value['isBot'] === true,
  };
}

function readStanding({ votes, answered }: Fields): Standing | null {
  return typeof votes === 'number' && votes >= 0 ? { votes: Math.floor(votes), isAnswered: answered === true } : null;
}

function name(user: unknown): string | null {
  return isFields(user) ? text(user['displayName']) : null;
}

/** Milliseconds of an RFC 3339 moment; now, for what is none. */
function moment(value: unknown): number {
  const at = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? Date.now() : at;
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
