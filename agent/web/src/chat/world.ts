// The browser as the connection sees it.

import { register, Wallet } from './account.ts';
import type { World } from './connection.ts';

export const wallet = new Wallet(() => localStorage);

/** Anybody: who has no account is given one. */
export const browser: World = {
  account: () => wallet.read(),
  register: async (name) => {
    const account = await register(name);
    wallet.keep(account);
    return account;
  },
  open: (address, on) => {
    const { protocol, host } = window.location;
    const socket = new WebSocket(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}${address}`);
    socket.onmessage = ({ data }: MessageEvent<unknown>) => typeof data === 'string' && on.text(data);
    // An error is always followed by a close, so the close alone decides what happens next.
    socket.onclose = ({ code }) => on.end(code);
    return {
      send: (text) => socket.readyState === WebSocket.OPEN && socket.send(text),
      close: () => socket.close(),
    };
  },
  now: () => Date.now(),
  random: () => Math.random(),
  wait: (milliseconds, then) => {
    const timer = setTimeout(then, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Whoever only reads along: nobody is told, and nobody is counted. */
export const observer: World = { ...browser, isObserver: true, account: () => null, register: async () => null };

/** Whoever has an account, for as long as it lasts. */
export const member: World = { ...browser, register: async () => null };
