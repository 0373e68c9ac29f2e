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

/** Asks the server for an account under `name`; null lets the server choose one. Throws what `fetch` throws. */
export async function register(name: string | null): Promise<Account> {
  const reply = await fetch('/api/chat/register', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(name === null ? {} : { displayName: name }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!reply.ok) throw new Error(`registration was answered with ${reply.status}`);
  const { id, accessToken, displayName } = (await reply.json()) as Record<string, unknown>;
  const account = readAccount(JSON.stringify({ id, token: accessToken, name: displayName }));
  if (account === null) throw new Error('registration was answered with something else');
  return account;
}
