// The state of the page: what the engine last said. Written by the event socket, read by the components.

import { listen, type Line } from './events.ts';
import { hearTime, serverNow } from './now.svelte.ts';
import type { Report } from './playback.svelte.ts';
import type { Broadcast, Message, Page, Snapshot } from './protocol.ts';

/**
 * Milliseconds for which an engine that was lost and came back without a broadcast is believed to get it again: OBS
 * connects anew within six seconds.
 */
const PATIENCE = 15_000;

export class App {
  page = $state.raw() as Page;
  /** What the stream is about; empty where nobody says. */
  title = $state('');
  broadcast = $state.raw<Broadcast | null>(null);
  viewers = $state<number | null>(null);
  /** When the last broadcast ended, in seconds since 1970. */
  lastLive = $state<number | null>(null);
  isConnected = $state(false);
  /** The engine was there, and is not. */
  isLost = $state(false);
  #line: Line | null = null;
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor(first: Snapshot) {
    this.page = first.page;
    this.title = first.title ?? '';
    this.broadcast = first.broadcast;
    this.viewers = first.viewers;
    this.lastLive = first.lastLive;
  }

  /** Follows the engine from now on. */
  connect(): void {
    const { protocol, host } = window.location;
    this.#line = listen(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}/api/events`, {
      message: (message) => this.#take(message),
      socket: (isOpen) => {
        this.isLost = !isOpen && (this.isLost || this.isConnected);
        this.isConnected = isOpen;
      },
    });
  }

  /** Tells the engine how playback went since it was last told. */
  report(report: Report): void {
    this.#line?.say(JSON.stringify({ kind: 'playback', ...report }));
  }

  #take(message: Message): void {
    if (message.kind === 'hello' && message.now !== undefined) hearTime(message.now);
    if ('page' in message) this.page = message.page;
    if ('broadcast' in message) this.#takeBroadcast(message.broadcast, message.kind === 'hello');
    if ('title' in message) this.title = message.title ?? '';
    if ('viewers' in message) this.viewers = message.viewers;
    if ('lastLive' in message) this.lastLive = message.lastLive;
  }

  #takeBroadcast(broadcast: Broadcast | null, isHello: boolean): void {
    clearTimeout(this.#patience);
    const interrupted = broadcast === null && isHello ? this.broadcast : null;
    if (interrupted === null) {
      this.broadcast = broadcast;
      return;
    }
    // A first word without a broadcast that was on: the engine began anew, and the publisher will find it in a moment.
    this.broadcast = { ...interrupted, reconnecting: { since: serverNow() / 1000, until: null } };
    this.#patience = setTimeout(() => (this.broadcast = null), PATIENCE);
  }
}
