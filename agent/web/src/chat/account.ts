// Who this browser is in the chat: a token that the server gives to anybody who asks, kept between visits.

import type { Shelf } from '../preferences.ts';

const KEY = 'nixcast-chat';

export interface Account {
  id: string;
  token: string;
  name: string;
}

/** Keeps the account where storage allows it, else for as long as the page is open. */
export class Wallet {
  #account: Account | null = null;

  constructor(readonly shelf: () => Shelf) {}

  read(): Account | null {
    try {
      this.#account = readAccount(this.shelf().getItem(KEY)) ?? this.#account;
    } catch {
      // What is in memory will do.
    }
    return this.#account;
  }

  /** Nobody from now on. */
  forget(): void {
    this.#account = null;
    try {
      this.shelf().setItem(KEY, 'null');
    } catch {
      // It was never kept.
    }
  }

  /** Another name, or another account altogether. */
  keep(account: Account): void {
    this.#account = account;
    try {
      this.shelf().setItem(KEY, JSON.stringify(account));
    } catch {
      // It lasts as long as the page.
    }
  }
}

export function readAccount(stored: string | null): Account | null {
  try {
    const value = JSON.parse(stored ?? 'null') as Partial<Account> | null;
    const { id, token, name } = value ?? {};
    const isAccount = [id, token, name].every((part) => typeof part === 'string' && part.length <= 400) && token !== '';
    return isAccount ? ({ id, token, name } as Account) : null;
  } catch {
    return null;
  }
}

/** The server does not want whoever asks. */
export class TurnedAway extends Error {}

/** Asks the server for an account under `name`; null lets the server choose one. Throws `TurnedAway`, and what `fetch` throws. */
export async function register(name: string | null): Promise<Account> {
  const reply = await post('/api/chat/register', name === null ? {} : { displayName: name });
  if (reply.status === 401) throw new TurnedAway();
  if (!reply.ok) throw new Error(`registration was answered with ${reply.status}`);
  const account = readReply(await reply.json());
  if (account === null) throw new Error('registration was answered with something else');
  return account;
}

/** Shows the secret of a declared moderator. Gives the account, or says in words why there is none. */
export async function signIn(name: string, secret: string): Promise<Account | string> {
  try {
    // Longer than the server lets somebody wait who guesses.
    const reply = await post('/api/chat/moderators/login', { name, secret }, 40_000);
    if (reply.ok) return readReply(await reply.json()) ?? 'The server answered with something else.';
    if (reply.status === 401) return 'Name and secret do not fit together.';
    if (reply.status === 429) return 'Too many attempts from here. Please wait a little.';
    return `The server refused (${reply.status}).`;
  } catch {
    return 'The server could not be reached.';
  }
}

function post(path: string, body: unknown, patience = 10_000): Promise<Response> {
  return fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(patience),
  });
}

function readReply(reply: unknown): Account | null {
  const { id, accessToken, displayName } = (reply ?? {}) as Record<string, unknown>;
  return readAccount(JSON.stringify({ id, token: accessToken, name: displayName }));
}
