// The line to the chat server. It registers where it has to, comes back when it is lost, asks for what it missed, and
// sends again what may not have arrived: with the same mark, by which the server knows that it has it already.

import { backoff } from '../backoff.ts';
import { type Account, TurnedAway } from './account.ts';
import { type ChatEvent, type Command, readFrame } from './protocol.ts';

/** Longest wait in milliseconds before the next attempt. */
const LONGEST_WAIT = 15_000;

/** Wait after having been turned away for good, as far as anybody knows; bans end, too, and all of a network have one. */
const AFTER_BAN = 30_000;

/** Milliseconds for which the server knows a mark again. Less than its five minutes: clocks and lines are slow. */
const MARKS_LAST = 240_000;

/** Milliseconds from opening a line to being told everything that was missed. */
const PATIENCE = 20_000;

/**
 * Milliseconds between two messages of one who types fast, or writes while the line is down. The server takes three in
 * two seconds and does not hear for a while whoever sends more. They are counted anew from when the server is heard to
 * have taken one: lines are sometimes slow, and then faster than usual.
 */
const PACE = 800;

/** The id before all others. */
const BEGINNING = '0'.repeat(26);

/** What the server says when a client is to come back at once and ask for what it missed. */
const RESYNC = 4000;

/** `ended`: the account is worth nothing any more, and there will be no other. */
export type State = 'connecting' | 'open' | 'lost' | 'banned' | 'ended';

/** A message that the server has not confirmed. */
export interface Pending {
  nonce: string;
  body: string;
  replyTo: string | null;
  isQuestion: boolean;
  /** Milliseconds since 1970. */
  since: number;
  /** Why it was not taken, as HTML; null while that is open. */
  refusal: string | null;
}

export interface Listener {
  events(events: ChatEvent[]): void;
  state(state: State): void;
  /** The messages on their way, another array after each change. */
  pending(pending: Pending[]): void;
  /** Some of what was said meanwhile is gone. */
  missed(): void;
}

export interface Line {
  send(text: string): unknown;
  close(): void;
}

/** What the connection needs of the world; a test gives it another. */
export interface World {
  /** Reads along without being anybody: needs no account and cannot say anything. */
  isObserver?: boolean;
  account(): Account | null;
  /** A new account, under the old name if there was one. Null: there shall be none. */
  register(name: string | null): Promise<Account | null>;
  open(address: string, on: { text(text: string): unknown; end(code: number): unknown }): Line;
  now(): number;
  random(): number;
  wait(milliseconds: number, then: () => void): () => void;
}

export class Connection {
  #line: Line | null = null;
  #stopWaiting: (() => void) | null = null;
  #attempt = 0;
  #generation = 0;
  #self: string | null = null;
  #stopDeadline: (() => void) | null = null;
  /** Present for as long as the next message has to wait. */
  #stopPacing: (() => void) | null = null;
  /** Marks of the pending that were sent on this line. */
  readonly #sent = new Set<string>();
  #isResumed = false;
  #isClosed = false;
  #isBanned = false;
  /** Whether the token turned out to be worth nothing. */
  #isUnknown = false;
  /** Newest message before which nothing is missing. */
  #since = BEGINNING;
  /** Newest message of those that came while what was missed was still being told. */
  #newest = BEGINNING;
  #pending: Pending[] = [];

  constructor(
    readonly world: World,
    readonly listener: Listener,
  ) {}

  /** Connects, and comes back until it is closed. */
  start(): void {
    if (!this.#isClosed) void this.#connect();
  }

  /** Tries at once what was to be tried later: the network is back, or somebody looks. */
  hurry(): void {
    if (this.#stopWaiting !== null && !this.#isBanned) this.start();
  }

  close(): void {
    this.#isClosed = true;
    this.#generation += 1;
    this.#stopWaiting?.();
    this.#stopDeadline?.();
    this.#stopPacing?.();
    this.#line?.close();
  }

  /** Sends now or when the line is back; until then it is among the pending. */
  say(body: string, replyTo: string | null, isQuestion: boolean): void {
    const nonce = this.#mark();
    const message = { nonce, body, replyTo, isQuestion, since: this.world.now(), refusal: null };
    this.#setPending([...this.#pending, message]);
    this.#sendNext();
  }

  /** Sends a refused message again, as a new one. */
  again(nonce: string): void {
    const message = this.#pending.find((one) => one.nonce === nonce);
    if (message === undefined) return;
    this.forget(nonce);
    this.say(message.body, message.replyTo, message.isQuestion);
  }

  /** Gives up on a refused message. */
  forget(nonce: string): void {
    this.#setPending(this.#pending.filter((one) => one.nonce !== nonce));
  }

  /** Sends what makes no sense later. False: the line is down. */
  tell(command: Exclude<Command, { type: 'CHAT' }>): boolean {
    if (this.#isResumed) this.#send(command);
    // A name counts as something said.
    if (this.#isResumed && command.type === 'NAME_CHANGE') this.#pause();
    return this.#isResumed;
  }

  async #connect(): Promise<void> {
    const generation = ++this.#generation;
    this.#stopWaiting?.();
    this.#stopWaiting = null;
    this.#stopDeadline?.();
    this.#line?.close();
    this.#line = null;
    this.#isResumed = false;
    this.#sent.clear();
    try {
      const introduction = await this.#introduce();
      if (generation !== this.#generation) return;
      if (introduction === null) return this.#leave();
      this.#isUnknown = false;
      const query = new URLSearchParams({ ...introduction, since: this.#since });
      this.#newest = this.#since;
      this.#line = this.world.open(`/ws?${query}`, {
        text: (text) => generation === this.#generation && this.#hear(text),
        end: (code) => generation === this.#generation && this.#end(code),
      });
      this.#stopDeadline = this.world.wait(PATIENCE, () => this.#end(0));
    } catch (error) {
      if (generation !== this.#generation) return;
      if (error instanceof TurnedAway) this.#isBanned = true;
      this.#end(0);
    }
  }

  /** What the server is told of who comes; null for nobody. */
  async #introduce(): Promise<Record<string, string> | null> {
    if (this.world.isObserver === true) return { readonly: '1' };
    const known = this.world.account();
    const account = known === null || this.#isUnknown ? await this.world.register(known?.name ?? null) : known;
    return account && { accessToken: account.token };
  }

  #end(code: number): void {
    // What the old line still says is of no interest.
    this.#generation += 1;
    this.#stopDeadline?.();
    this.#line?.close();
    this.#line = null;
    this.#isResumed = false;
    this.listener.state(this.#isBanned ? 'banned' : 'lost');
    const wait = this.#isBanned ? AFTER_BAN * (1 + this.world.random()) : backoff(this.#attempt++, this.world.random(), LONGEST_WAIT);
    // All who are told to come back are told in one moment.
    const delay = code === RESYNC ? this.world.random() * 1000 : wait;
    this.#stopWaiting = this.world.wait(delay, () => this.start());
  }

  #leave(): void {
    this.close();
    this.listener.state('ended');
  }

  #hear(text: string): void {
    const events = readFrame(text);
    for (const event of events) this.#note(event);
    this.listener.events(events);
  }

  #note(event: ChatEvent): void {
    switch (event.kind) {
      case 'chat':
        if (event.id > this.#newest) this.#newest = event.id;
        // While the past is being told, what is new may come in between: then only the end of it counts.
        if (this.#isResumed) this.#since = this.#newest;
        if (event.nonce !== null && event.user.id === this.#self) this.#settle(event.nonce);
        return;
      case 'self':
        this.#self = event.user.id;
        return;
      case 'taken':
        return this.#settle(event.nonce);
      case 'refused':
        this.#refuse(event.nonce, event.html);
        return this.#follow(event.nonce);
      case 'resumed':
        return this.#resumed(event);
      case 'unregistered':
        this.#isUnknown = true;
        // On a line that was open: the login has ended. Nothing more will be said on it.
        if (this.#isResumed) this.#end(RESYNC);
        return;
      case 'disabled':
        this.#isBanned = true;
        return this.listener.state('banned');
      default:
    }
  }

  #resumed({ id, isComplete }: { id: string; isComplete: boolean }): void {
    if (!isComplete && this.#since !== BEGINNING) this.listener.missed();
    // Whoever comes back to a room where nothing has been said is not at the beginning any more: there is no welcome.
    this.#since = this.#newest === BEGINNING ? id : this.#newest;
    this.#isResumed = true;
    this.#stopDeadline?.();
    this.#isBanned = false;
    this.#attempt = 0;
    this.listener.state('open');
    for (const message of this.#pending.filter(({ refusal }) => refusal === null)) {
      // Older than the server remembers marks: sent again, it might be said twice.
      if (this.world.now() - message.since > MARKS_LAST) this.#refuse(message.nonce, '<p>It is not certain that this was sent.</p>');
    }
    this.#sendNext();
  }

  /** Sends the oldest message that was not, as soon as the pace allows, and the others after it. */
  #sendNext(): void {
    if (!this.#isResumed || this.#stopPacing !== null) return;
    // Those that were sent come first: a second is sent when it is known what became of the one before.
    const next = this.#pending.find(({ refusal }) => refusal === null);
    if (next === undefined || this.#sent.has(next.nonce)) return;
    this.#sent.add(next.nonce);
    this.#send(asCommand(next));
    this.#pause();
  }

  /** The server has the message. */
  #settle(nonce: string): void {
    this.forget(nonce);
    this.#follow(nonce);
  }

  /** It is known what became of a message: the next one may follow. */
  #follow(nonce: string): void {
    if (this.#sent.delete(nonce) && this.#isResumed) this.#pause();
  }

  #pause(): void {
    this.#stopPacing?.();
    this.#stopPacing = this.world.wait(PACE, () => {
      this.#stopPacing = null;
      this.#sendNext();
    });
  }

  #refuse(nonce: string, refusal: string): void {
    this.#setPending(this.#pending.map((one) => (one.nonce === nonce ? { ...one, refusal } : one)));
  }

  #setPending(pending: Pending[]): void {
    if (pending.length === 0 && this.#pending.length === 0) return;
    this.#pending = pending;
    this.listener.pending(pending);
  }

  #send(command: Command): void {
    this.#line?.send(JSON.stringify(command));
  }

  /** Sixteen characters that no other message of this user has. */
  #mark(): string {
    return Array.from({ length: 16 }, () => Math.floor(this.world.random() * 36).toString(36)).join('');
  }
}

function asCommand({ nonce, body, replyTo, isQuestion }: Pending): Command {
  return { type: 'CHAT', body, nonce, ...(replyTo !== null && { replyTo }), ...(isQuestion && { question: true }) };
}
