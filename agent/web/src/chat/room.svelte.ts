// The state of the chat as the components draw it.

import type { ChatSettings } from '../protocol.ts';
import { Connection, type Pending, type State, type World } from './connection.ts';
import { readQuestions } from './history.ts';
import { Batch, type Line, Messages } from './messages.ts';
import { type Deed, perform } from './moderation.ts';
import type { ChatEvent, ChatMessage, User } from './protocol.ts';
import { browser, wallet } from './world.ts';

/** What changes something that a list made earlier may show. */
const CHANGES: ReadonlySet<ChatEvent['kind']> = new Set(['visibility', 'question', 'note', 'self']);

export class Room {
  lines = $state.raw<readonly Line[]>([]);
  questions = $state.raw<readonly ChatMessage[]>([]);
  pending = $state.raw<readonly Pending[]>([]);
  /** Who the viewer is here, once the server has said so. */
  self = $state.raw<User | null>(null);
  state = $state<State>('connecting');
  /** Some of what was said is not there. */
  hasGap = $state(false);
  /** How many lines have come. */
  arrived = $state(0);
  /** How often something happened to people or to what was said before. */
  changes = $state(0);
  /** How the last thing went that a moderator did. */
  told = $state('');
  /** Ids of the questions that the viewer voted for. */
  votes = $state.raw<ReadonlySet<string>>(new Set());
  /** The stream has been over for so long that nobody may talk. */
  isClosed = $state(false);
  settings = $state.raw() as ChatSettings;

  /** When the viewer last said something, by the server's clock, in milliseconds since 1970. */
  #saidAt = $state(0);
  #hasQuestions: boolean;
  readonly #messages = new Messages();
  readonly #batch = new Batch<ChatEvent>((events) => this.#take(events));
  readonly #connection: Connection;
  readonly #cleanup = new AbortController();

  constructor(settings: ChatSettings, world: World = browser) {
    this.settings = settings;
    this.#hasQuestions = settings.questions;
    this.#connection = new Connection(world, {
      events: (events) => this.#batch.add(events),
      state: (state) => this.#enter(state),
      pending: (pending) => (this.pending = pending),
      missed: () => (this.hasGap = true),
    });
    this.#connection.start();
    const { signal } = this.#cleanup;
    window.addEventListener('online', () => this.#connection.hurry(), { signal });
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.#connection.hurry(), { signal });
  }

  get isModerator(): boolean {
    return this.self?.isModerator === true;
  }

  /** When slow mode lets the viewer speak again, by the server's clock, in milliseconds since 1970; it may be declared between two messages. */
  get mayAt(): number {
    const { slowModeSeconds } = this.settings;
    return this.isModerator || slowModeSeconds === 0 ? 0 : this.#saidAt + slowModeSeconds * 1000;
  }

  /** Takes up other settings. */
  follow(settings: ChatSettings): void {
    const hadQuestions = this.#hasQuestions;
    this.#hasQuestions = settings.questions;
    this.settings = settings;
    if (settings.questions && !hadQuestions && this.state === 'open') void this.#recall();
  }

  find(id: string): ChatMessage | null {
    return this.#messages.find(id);
  }

  say(body: string, replyTo: string | null, isQuestion: boolean): void {
    this.#connection.say(body, replyTo, isQuestion);
  }

  again(nonce: string): void {
    this.#connection.again(nonce);
  }

  forget(nonce: string): void {
    this.#connection.forget(nonce);
  }

  /** Takes another name and colour; false where the line is down. */
  present(name: string, colour: number): boolean {
    const { self } = this;
    const isNamed = name === self?.name || this.#connection.tell({ type: 'NAME_CHANGE', newName: name });
    return isNamed && (colour === self?.colour || this.#connection.tell({ type: 'COLOR_CHANGE', newColor: colour }));
  }

  /** Votes for a question, or takes the vote back. */
  vote(id: string): void {
    const votes = new Set(this.votes);
    const isTaken = votes.delete(id);
    if (!isTaken) votes.add(id);
    if (this.#connection.tell({ type: 'UPVOTE', id, ...(isTaken && { withdraw: true }) })) this.votes = votes;
  }

  /** Whether it was done; what became of it is told. */
  async moderate(deed: Deed): Promise<boolean> {
    const token = wallet.read()?.token;
    if (token === undefined) return false;
    const { isDone, words } = await perform(deed, token);
    this.told = words;
    this.changes += 1;
    return isDone;
  }

  close(): void {
    this.#cleanup.abort();
    this.#connection.close();
  }

  #enter(state: State): void {
    const isBack = state === 'open' && this.state !== 'open';
    this.state = state;
    // Whoever comes back is told anew.
    if (state !== 'open') this.isClosed = false;
    if (isBack && this.settings.questions) void this.#recall();
  }

  /** Of the past the line tells the newest messages alone; questions stay open for longer. */
  async #recall(): Promise<void> {
    const asked = await readQuestions(this.#connection.world.isObserver === true ? null : (wallet.read()?.token ?? null));
    // What was voted for on this page meanwhile may not have been counted yet.
    const wanted = asked.filter(({ isWanted }) => isWanted).map(({ question }) => question.id);
    this.votes = new Set([...wanted, ...this.votes]);
    this.#batch.add(asked.map(({ question }) => ({ kind: 'asked', question })));
  }

  #take(events: ChatEvent[]): void {
    for (const event of events) {
      if (event.kind === 'self') this.#meet(event.user);
      if (event.kind === 'opening') this.isClosed = !event.isOpen;
      if (event.kind === 'chat' && event.user.id === this.self?.id) this.#saidAt = Math.max(this.#saidAt, event.at);
    }
    if (events.some(({ kind }) => CHANGES.has(kind))) this.changes += 1;
    const isMeeting = events.some(({ kind }) => kind === 'self');
    if (!this.#messages.take(events) && !isMeeting) return;
    this.arrived += events.filter(({ kind }) => kind === 'chat' || kind === 'announcement').length;
    this.lines = this.#messages.lines(this.isModerator);
    this.questions = this.#messages.questions(this.isModerator);
  }

  #meet(user: User): void {
    this.self = user;
    const account = wallet.read();
    if (account !== null && account.name !== user.name) wallet.keep({ ...account, name: user.name });
  }
}
