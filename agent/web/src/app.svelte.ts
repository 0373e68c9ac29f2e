// The state of the page: what the engine last said. Written by the event socket, read by the components.

import { listen } from './events.ts';
import type { Broadcast, Message, Page, Snapshot } from './protocol.ts';

export class App {
  page = $state.raw() as Page;
  broadcast = $state.raw<Broadcast | null>(null);
  viewers = $state<number | null>(null);
  isConnected = $state(false);

  constructor(first: Snapshot) {
    this.page = first.page;
    this.broadcast = first.broadcast;
    this.viewers = first.viewers;
  }

  /** Follows the engine until the returned function is called. */
  connect(): () => void {
    const { protocol, host } = window.location;
    return listen(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}/api/events`, {
      message: (message) => this.#take(message),
      socket: (isOpen) => (this.isConnected = isOpen),
    });
  }

  #take(message: Message): void {
    if ('page' in message) this.page = message.page;
    if ('broadcast' in message) this.broadcast = message.broadcast;
    if ('viewers' in message) this.viewers = message.viewers;
  }
}
