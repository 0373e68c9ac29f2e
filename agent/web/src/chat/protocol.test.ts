import { describe, expect, it } from 'vitest';
import { readFrame } from './protocol.ts';

const AT = '2026-11-23T07:00:00.123Z';
const MS = Date.parse(AT);
const user = { id: 'u1', displayName: 'Anna', displayColor: 3, createdAt: AT, previousNames: [], isBot: false, authenticated: false };
const anna = { id: 'u1', name: 'Anna', colour: 3, isModerator: false, isBot: false };
const chat = { type: 'CHAT', id: '01A', timestamp: AT, body: '<p>hi</p>', user, visible: true };
const said = { kind: 'chat', id: '01A', at: MS, html: '<p>hi</p>', user: anna, isVisible: true, nonce: null, replyTo: null, question: null };

const read = (...values: unknown[]) => readFrame(values.map((value) => JSON.stringify(value)).join('\n'));

describe('a frame of the chat', () => {
  it('holds several events', () => {
    expect(read(chat, { ...chat, id: '01B' })).toEqual([said, { ...said, id: '01B' }]);
    expect(readFrame(`\n${JSON.stringify(chat)}\n\nnonsense\n`)).toEqual([said]);
    expect(readFrame('')).toEqual([]);
  });

  it.each([
    [{ ...chat, nonce: 'n', replyTo: '01', question: { votes: 2, answered: true } }, { ...said, nonce: 'n', replyTo: '01', question: { votes: 2, isAnswered: true } }],
    [{ ...chat, visible: false, user: { ...user, scopes: ['MODERATOR'], displayColor: 11, isBot: true } }, { ...said, isVisible: false, user: { ...anna, colour: 3, isModerator: true, isBot: true } }],
    [{ type: 'CONNECTED_USER_INFO', user }, { kind: 'self', user: anna }],
    [{ type: 'SYSTEM', id: 's', timestamp: AT, body: '<p>x</p>', user: { displayName: 'Harbour' } }, { kind: 'announcement', id: 's', at: MS, html: '<p>x</p>', author: 'Harbour', isVisible: true }],
    [{ type: 'CHAT_ACTION', id: 'c', timestamp: AT, body: 'x' }, { kind: 'announcement', id: 'c', at: MS, html: 'x', author: null, isVisible: true }],
    [{ type: 'USER_JOINED', id: 'j', timestamp: AT, user }, { kind: 'note', id: 'j', at: MS, text: 'Anna joined the chat.' }],
    [{ type: 'USER_PARTED', id: 'p', timestamp: AT, user }, { kind: 'note', id: 'p', at: MS, text: 'Anna left the chat.' }],
    [{ type: 'NAME_CHANGE', id: 'n', timestamp: AT, user, oldName: 'Ann' }, { kind: 'note', id: 'n', at: MS, text: 'Ann is now known as Anna.' }],
    [{ type: 'VISIBILITY-UPDATE', ids: ['a', 7], visible: false }, { kind: 'visibility', ids: ['a'], isVisible: false }],
    [{ type: 'QUESTION-UPDATE', messageId: 'q', votes: 3, answered: false }, { kind: 'question', id: 'q', standing: { votes: 3, isAnswered: false }, isWithdrawn: false }],
    [{ type: 'QUESTION-UPDATE', messageId: 'q', votes: 0, answered: false, withdrawn: true }, { kind: 'question', id: 'q', standing: { votes: 0, isAnswered: false }, isWithdrawn: true }],
    [{ type: 'OPENING', id: 'o', open: false }, { kind: 'opening', isOpen: false }],
    [{ type: 'RESUMED', id: 'r', complete: true }, { kind: 'resumed', id: 'r', isComplete: true }],
    [{ type: 'TAKEN', nonce: 'n', messageId: 'm' }, { kind: 'taken', nonce: 'n' }],
    [{ type: 'REFUSED', nonce: 'n', body: '<p>no</p>' }, { kind: 'refused', nonce: 'n', html: '<p>no</p>' }],
    [{ type: 'ERROR_NEEDS_REGISTRATION' }, { kind: 'unregistered' }],
    [{ type: 'ERROR_USER_DISABLED', user }, { kind: 'disabled' }],
  ])('is understood: %o', (sent, event) => {
    expect(read(sent)).toEqual([event]);
  });

  it.each([
    null, 7, 'x', [], {}, { type: 'NEWS' }, { type: 7 }, { type: 'constructor' }, { type: '__proto__' },
    { ...chat, id: 7 }, { ...chat, body: null }, { ...chat, user: null }, { ...chat, user: { id: 'u' } },
    { type: 'VISIBILITY-UPDATE', ids: 'a', visible: true }, { type: 'VISIBILITY-UPDATE', ids: [] },
    { type: 'QUESTION-UPDATE', messageId: 'q', votes: -1 }, { type: 'QUESTION-UPDATE', votes: 1 },
    { type: 'USER_JOINED', id: 'j' }, { type: 'NAME_CHANGE', id: 'n', user }, { type: 'REFUSED', nonce: 'n' }, { type: 'TAKEN' }, { type: 'RESUMED' }, { type: 'OPENING' },
  ])('is skipped: %o', (sent) => {
    expect(read(sent)).toEqual([]);
  });

  it('is understood without a moment and with a strange colour', () => {
    const [message] = read({ ...chat, timestamp: 'soon', user: { ...user, displayColor: 'red' } });
    expect(message).toMatchObject({ user: { colour: 0 } });
    expect((message as { at: number }).at).toBeGreaterThan(MS - 1);
  });
});
