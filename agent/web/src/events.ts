// The one event socket. It stays up for as long as the page is open: the engine's `hello` carries the whole state,
// so a reconnect needs no memory of what was missed.

import { backoff } from './backoff.ts';
import { readMessage, type Message } from './protocol.ts';

/** Longest wait in milliseconds: a page left open over night finds the server again within this. */
const LONGEST_WAIT = 15_000;

export interface Listener {
  message(message: Message): void;
  socket(isOpen: boolean): void;
}

export interface Line {
  /** Sends `text` if the socket is open now; what cannot be said is of no interest later. */
  say(text: string): void;
  close(): void;
}

/** Connects, and reconnects until it is closed. */
export function listen(address: string, listener: Listener): Line {
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let attempt = 0;
  let isStopped = false;

  const connect = () => {
    clearTimeout(timer);
    timer = undefined;
    const opened = new WebSocket(address);
    socket = opened;
    opened.onopen = () => listener.socket(true);
    opened.onmessage = (event: MessageEvent<unknown>) => {
      const message = typeof event.data === 'string' ? readMessage(event.data) : null;
      if (message === null) return;
      // Only a server that speaks counts as reached: one that accepts and hangs up is still backed off from.
      attempt = 0;
      listener.message(message);
    };
    // An error is always followed by a close, so the close alone decides what happens next.
    opened.onclose = () => {
      if (socket !== opened) return;
      socket = null;
      listener.socket(false);
      if (!isStopped) timer = setTimeout(connect, backoff(attempt++, Math.random(), LONGEST_WAIT));
    };
  };

  const hurry = () => {
    if (socket === null && !isStopped) connect();
  };
  const hurryWhenSeen = () => {
    if (document.visibilityState === 'visible') hurry();
  };

  window.addEventListener('online', hurry);
  document.addEventListener('visibilitychange', hurryWhenSeen);
  connect();

  return {
    say: (text) => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => {
      isStopped = true;
      clearTimeout(timer);
      window.removeEventListener('online', hurry);
      document.removeEventListener('visibilitychange', hurryWhenSeen);
      socket?.close();
    },
  };
}
