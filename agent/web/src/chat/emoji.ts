// The emoji a viewer may choose from.

/** Names as chat/emoji.rs takes them ("+1" is one), and an ending. */
const PICTURE = /^\/img\/emoji\/[A-Za-z0-9_+-][A-Za-z0-9_+.-]*$/;

/** Whether an address is where the server keeps the operator's emoji. */
export function isOwnPicture(address: string): boolean {
  return PICTURE.test(address);
}

export interface Sign {
  /** What is written into the message. */
  text: string;
  /** What it is called, and what else it is found by. */
  words: string;
  /** Address of the picture of the operator's own; null for one of Unicode's. */
  picture: string | null;
}

export interface Group {
  name: string;
  all: readonly Sign[];
}

/** Those that have every word of `wanted`; all for none. */
export function findEmoji(groups: readonly Group[], wanted: string): Group[] {
  const parts = wanted.toLowerCase().split(/[\s:_]+/).filter(Boolean);
  if (parts.length === 0) return [...groups];
  const fits = ({ words }: Sign) => parts.every((part) => words.toLowerCase().includes(part));
  return groups.map(({ name, all }) => ({ name, all: all.filter(fits) })).filter(({ all }) => all.length > 0);
}

/** The operator's, as Owncast lists them: `[{name, url}]`. Anything else is none of ours. */
export function ownEmoji(list: unknown): Sign[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((one: unknown) => {
    const { name, url } = (one ?? {}) as { name?: unknown; url?: unknown };
    if (typeof name !== 'string' || typeof url !== 'string' || !isOwnPicture(url)) return [];
    return [{ text: `:${name}:`, words: name, picture: url }];
  });
}

/** Asks the server for them; none where it does not answer. */
export async function readOwn(): Promise<Sign[]> {
  try {
    const reply = await fetch('/api/emoji', { signal: AbortSignal.timeout(10_000) });
    return reply.ok ? ownEmoji(await reply.json()) : [];
  } catch {
    return [];
  }
}
