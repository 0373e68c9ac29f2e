// What has been said, as far as the page keeps it: the newest lines in the order of their ids, and the questions, which
// stay when the lines around them are gone. Ids are the order of sending, so an event that comes twice, or late, finds
// its one place.

import type { Announcement, ChatEvent, ChatMessage, Note } from './protocol.ts';

export type Line = ChatMessage | Announcement | Note;

/** Lines kept. */
export const MOST_LINES = 500;

/** Questions kept, the least wanted of which make room. */
export const MOST_QUESTIONS = 200;

export class Messages {
  #lines: Line[] = [];
  #questions = new Map<string, ChatMessage>();

  /** Takes events up; says whether anything is to be drawn anew. */
  take(events: readonly ChatEvent[]): boolean {
    return events.map((event) => this.#takeOne(event)).includes(true);
  }

  /** Oldest first; for `isModerator` also what is hidden. Another array after each change. */
  lines(isModerator: boolean): Line[] {
    return this.#lines.filter((line) => line.kind === 'note' || line.isVisible || (isModerator && line.kind === 'chat'));
  }

  /** Open ones first, and among them the most wanted. */
  questions(isModerator: boolean): ChatMessage[] {
    return [...this.#questions.values()].filter(({ isVisible }) => isModerator || isVisible).sort(byInterest);
  }

  /** The message of this id, if it is still known. */
  find(id: string): ChatMessage | null {
    const line = this.#lines[this.#placeOf(id)];
    if (line?.id === id) return line.kind === 'chat' ? line : null;
    return this.#questions.get(id) ?? null;
  }

  /** Ids of what is known of somebody. */
  idsOf(user: string): string[] {
    const all = [...this.#lines, ...this.#questions.values()];
    return [...new Set(all.filter((line) => line.kind === 'chat' && line.user.id === user).map(({ id }) => id))];
  }

  #takeOne(event: ChatEvent): boolean {
    switch (event.kind) {
      case 'chat':
      case 'announcement':
      case 'note':
        this.#place(event);
        return true;
      case 'asked':
        // What was told on the line is newer than what was asked for.
        if (this.#questions.has(event.question.id)) return false;
        this.#keepQuestion(event.question);
        return true;
      case 'visibility':
        event.ids.forEach((id) => this.#change(id, { isVisible: event.isVisible }));
        return true;
      case 'question':
        this.#change(event.id, { question: event.isWithdrawn ? null : event.standing });
        if (event.isWithdrawn) this.#questions.delete(event.id);
        return true;
      default:
        return false;
    }
  }

  #place(line: Line): void {
    const at = this.#placeOf(line.id);
    const isKnown = this.#lines[at]?.id === line.id;
    // Of what is older than all that is kept, only a question is of interest.
    const isTooOld = at === 0 && this.#lines.length >= MOST_LINES;
    if (isKnown || !isTooOld) this.#lines.splice(at, isKnown ? 1 : 0, line);
    if (this.#lines.length > MOST_LINES) this.#lines.splice(0, this.#lines.length - MOST_LINES);
    if (line.kind === 'chat' && line.question !== null) this.#keepQuestion(line);
  }

  #keepQuestion(question: ChatMessage): void {
    this.#questions.set(question.id, question);
    if (this.#questions.size <= MOST_QUESTIONS) return;
    const last = [...this.#questions.values()].sort(byInterest).at(-1);
    if (last !== undefined) this.#questions.delete(last.id);
  }

  #change(id: string, change: Partial<ChatMessage>): void {
    const at = this.#placeOf(id);
    const line = this.#lines[at];
    // Another object, or what shows the old one would not be drawn anew.
    if (line?.id === id && line.kind === 'chat') this.#lines[at] = { ...line, ...change };
    if (line?.id === id && line.kind === 'announcement') this.#lines[at] = { ...line, isVisible: change.isVisible ?? line.isVisible };
    const question = this.#questions.get(id);
    if (question !== undefined) this.#questions.set(id, { ...question, ...change });
  }

  /** Where the line of this id is or would be. */
  #placeOf(id: string): number {
    let [low, high] = [0, this.#lines.length];
    // Nearly everything comes last.
    if (high > 0 && (this.#lines[high - 1]?.id ?? '') < id) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#lines[middle]?.id ?? '') < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function byInterest(one: ChatMessage, other: ChatMessage): number {
  const [here, there] = [one.question, other.question];
  const answered = Number(here?.isAnswered ?? false) - Number(there?.isAnswered ?? false);
  return answered || (there?.votes ?? 0) - (here?.votes ?? 0) || (one.id < other.id ? -1 : 1);
}

/**
 * Collects what comes in a burst and hands it over once: at the next frame, or after `LATEST` where no frames are
 * drawn, in a tab that nobody looks at.
 */
export class Batch<T> {
  #waiting: T[] = [];
  #frame: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly handOver: (all: T[]) => void) {}

  add(all: readonly T[]): void {
    if (all.length === 0) return;
    this.#waiting.push(...all);
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.flush(), LATEST);
    this.#frame = globalThis.requestAnimationFrame?.(() => this.flush()) ?? null;
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
    const all = this.#waiting;
    this.#waiting = [];
    if (all.length > 0) this.handOver(all);
  }
}

/** Milliseconds. */
const LATEST = 250;
