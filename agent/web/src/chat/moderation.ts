// What a moderator does to others. Hiding and banning are Owncast's endpoints; pausing somebody and removing all that
// somebody wrote are ours, because Owncast has neither.

export interface Deed {
  path: string;
  body: Record<string, unknown>;
}

export const hide = (ids: readonly string[]): Deed => visibility(ids, false);
export const restore = (ids: readonly string[]): Deed => visibility(ids, true);
export const ban = (user: string): Deed => ({ path: '/api/chat/users/setenabled', body: { userId: user, enabled: false } });
export const pause = (user: string, seconds: number): Deed => ({ path: '/api/chat/users/timeout', body: { userId: user, seconds } });
export const unban = (user: string): Deed => ({ path: '/api/chat/users/setenabled', body: { userId: user, enabled: true } });
export const promote = (user: string): Deed => standing(user, true);
export const demote = (user: string): Deed => standing(user, false);
export const banNetwork = (network: string, reason: string): Deed => ({ path: '/api/chat/bans', body: { network, reason } });
export const liftNetwork = (network: string): Deed => ({ path: '/api/chat/bans/remove', body: { network } });
export const removeAll = (user: string): Deed => ({ path: '/api/chat/users/removeall', body: { userId: user } });
export const answer = (question: string, isAnswered: boolean): Deed => ({
  path: '/api/chat/questions/answer',
  body: { id: question, answered: isAnswered },
});

function standing(user: string, isModerator: boolean): Deed {
  return { path: '/api/chat/users/setmoderator', body: { userId: user, isModerator } };
}

function visibility(ids: readonly string[], visible: boolean): Deed {
  return { path: '/api/chat/messagevisibility', body: { idArray: ids, visible } };
}

interface Told {
  success?: unknown;
  message?: unknown;
  /** The option of the operator's that decides about it. */
  option?: unknown;
}

function reason({ message, option }: Told): string | null {
  const words = typeof message === 'string' && message !== '' ? message : null;
  if (typeof option !== 'string' || words?.includes(option)) return words;
  return `${words ?? 'The operator has declared it.'} (${option})`;
}

/** Does it, and says in words how that went. */
export async function perform({ path, body }: Deed, token: string): Promise<{ isDone: boolean; words: string }> {
  try {
    const reply = await fetch(`${path}?${new URLSearchParams({ accessToken: token })}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    const told = (await reply.json().catch(() => ({}))) as Told;
    const isDone = reply.ok && told.success !== false;
    return { isDone, words: isDone ? 'Done.' : (reason(told) ?? `The server refused (${reply.status}).`) };
  } catch {
    return { isDone: false, words: 'The server could not be reached.' };
  }
}
