import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Batch, Messages, MOST_LINES, MOST_QUESTIONS } from './messages.ts';
import type { ChatMessage, Standing } from './protocol.ts';

const id = (number: number) => number.toString().padStart(26, '0');

function message(number: number, change: Partial<ChatMessage> = {}): ChatMessage {
  const user = { id: `u${number % 3}`, name: 'n', colour: 0, isModerator: false, isBot: false };
  return { kind: 'chat', id: id(number), at: number, html: '', user, isVisible: true, nonce: null, replyTo: null, question: null, ...change };
}

const question = (number: number, votes: number, isAnswered = false) => message(number, { question: { votes, isAnswered } });
const standing = (number: number, to: Standing, isWithdrawn = false) => ({ kind: 'question' as const, id: id(number), standing: to, isWithdrawn });
const ids = (lines: readonly { id: string }[]) => lines.map((line) => Number(line.id));

describe('messages', () => {
  it('are in the order of their ids, each once, however they come', () => {
    const messages = new Messages();
    messages.take([message(3), message(1), message(3), message(2), message(5), message(4), message(1)]);
    expect(ids(messages.lines(false))).toEqual([1, 2, 3, 4, 5]);
  });

  it('are bounded, and what is older than all of them does not come back', () => {
    const messages = new Messages();
    for (let number = 1; number <= MOST_LINES + 20; number++) messages.take([message(number)]);
    messages.take([message(0), message(7)]);
    const kept = ids(messages.lines(false));
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([MOST_LINES, 21, MOST_LINES + 20]);
  });

  it('are hidden and shown again, though moderators see them all the time', () => {
    const messages = new Messages();
    messages.take([message(1), message(2), message(3, { isVisible: false })]);
    messages.take([{ kind: 'visibility', ids: [id(2), id(99)], isVisible: false }]);
    expect(ids(messages.lines(false))).toEqual([1]);
    expect(messages.lines(true).map((line) => line.kind === 'chat' && line.isVisible)).toEqual([true, false, false]);
    messages.take([{ kind: 'visibility', ids: [id(2), id(3)], isVisible: true }]);
    expect(ids(messages.lines(false))).toEqual([1, 2, 3]);
    expect(messages.idsOf('u2')).toEqual([id(2)]);
  });

  it('of the host are hidden from everybody, and come back', () => {
    const messages = new Messages();
    messages.take([{ kind: 'announcement', id: id(1), at: 1, html: 'x', author: null, isVisible: true }, message(2)]);
    messages.take([{ kind: 'visibility', ids: [id(1)], isVisible: false }]);
    expect([ids(messages.lines(false)), ids(messages.lines(true))]).toEqual([[2], [2]]);
    messages.take([{ kind: 'visibility', ids: [id(1)], isVisible: true }]);
    expect(ids(messages.lines(false))).toEqual([1, 2]);
  });

  it('say whether anything is to be drawn', () => {
    const messages = new Messages();
    expect(messages.take([{ kind: 'resumed', id: 'r', isComplete: true }])).toBe(false);
    expect(messages.take([{ kind: 'resumed', id: 'r', isComplete: true }, message(1)])).toBe(true);
  });
});

describe('questions', () => {
  it('are ordered by votes, the answered ones last', () => {
    const messages = new Messages();
    messages.take([question(1, 1), question(2, 5), question(3, 1), question(4, 9, true), message(5)]);
    expect(ids(messages.questions(false))).toEqual([2, 1, 3, 4]);
    messages.take([standing(3, { votes: 6, isAnswered: false }), standing(2, { votes: 5, isAnswered: true })]);
    expect(ids(messages.questions(false))).toEqual([3, 1, 4, 2]);
    expect(messages.find(id(3))?.question?.votes).toBe(6);
  });

  it('outlast the lines around them, and go when they are withdrawn or hidden', () => {
    const messages = new Messages();
    messages.take([question(1, 1), question(2, 1)]);
    for (let number = 10; number < MOST_LINES + 30; number++) messages.take([message(number)]);
    expect(ids(messages.questions(false))).toEqual([1, 2]);
    expect(messages.find(id(1))).not.toBeNull();
    messages.take([standing(1, { votes: 0, isAnswered: false }, true), { kind: 'visibility', ids: [id(2)], isVisible: false }]);
    expect(ids(messages.questions(false))).toEqual([]);
    expect(ids(messages.questions(true))).toEqual([2]);
  });

  it('are bounded: the least wanted makes room', () => {
    const messages = new Messages();
    for (let number = 0; number <= MOST_QUESTIONS; number++) messages.take([question(number, number === 7 ? 0 : 1)]);
    const kept = ids(messages.questions(false));
    expect([kept.length, kept.includes(7)]).toEqual([MOST_QUESTIONS, false]);
  });
});

describe('a burst', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is handed over once, also where no frame is ever drawn', () => {
    const handed: number[][] = [];
    const batch = new Batch<number>((all) => handed.push(all));
    batch.add([]);
    batch.add([1, 2]);
    batch.add([3]);
    expect(handed).toEqual([]);
    vi.runAllTimers();
    expect(handed).toEqual([[1, 2, 3]]);
    batch.add([4]);
    vi.runAllTimers();
    expect(handed).toEqual([[1, 2, 3], [4]]);
  });
});
