import { expect, it } from 'vitest';
import type { ChatMessage } from '../chat/protocol.ts';
import { fits, merge, remaining } from './list.ts';
import { banOf, entryOf, type Kept, keptOf, personOf } from './reading.ts';

const USER = { id: 'u', displayName: 'Ünal', displayColor: 2, isBot: false, scopes: [] };

function message(id: string, html = '<p>hello</p>', isVisible = true): ChatMessage {
  const user = { id: 'u', name: 'Ünal', colour: 2, isModerator: false, isBot: false };
  return { kind: 'chat', id, at: 0, html, user, isVisible, nonce: null, replyTo: null, question: null };
}

const kept = (one: ChatMessage, hiddenBy: string | null = null): Kept => ({ ...one, hiddenBy });

it('puts what was found and what has come into one list, newest first, none twice', () => {
  const found = [kept(message('3')), kept(message('1'))];
  const lines = [message('2'), message('3'), message('4'), { kind: 'note', id: '5', at: 0, text: 'x' } as const];
  expect(merge(found, lines, () => true).map(({ id }) => id)).toEqual(['4', '3', '2', '1']);
  expect(merge(found, lines, () => false).map(({ id }) => id)).toEqual(['3', '1']);
});

it('believes the socket about what is hidden, and the server about who hid it', () => {
  const [one] = merge([kept(message('1'), 'Mara')], [message('1', '<p>hello</p>', false)], () => false);
  expect([one?.isVisible, one?.hiddenBy]).toEqual([false, 'Mara']);
});

it('finds words in what was said and in names, and one person alone', () => {
  const one = kept(message('1', '<p>Buy my <strong>BOAT</strong></p>'));
  expect([fits(one, ' boat ', null), fits(one, 'ünal', null), fits(one, 'strong', null), fits(one, '', null)]).toEqual([true, true, false, true]);
  expect([fits(one, '', 'u'), fits(one, 'boat', 'v')]).toEqual([true, false]);
});

it('counts down', () => {
  expect([remaining(null, 0), remaining(5, 5), remaining(1500, 0), remaining(90_000, 0), remaining(3_600_000, 0)]).toEqual([null, null, '2 s', '2 min', '60 min']);
});

it('leaves out what it does not understand', () => {
  expect([keptOf(null), keptOf({}), personOf({ user: {} }), banOf({}), banOf(7), entryOf({ at: 'never', detail: 'x' })]).toEqual(Array(6).fill(null));
  expect(keptOf({ id: '1', body: '<p>x</p>', user: USER, visible: false, hiddenBy: 'Mara' })).toMatchObject({ hiddenBy: 'Mara', isVisible: false });
  expect(personOf({ user: USER, connections: 2, bannedAt: null, timedOutUntil: '2026-01-01T00:00:00Z', moderator: 'owner' })).toMatchObject({
    connections: 2, bannedAt: null, timedOutUntil: 1_767_225_600_000, moderator: null,
  });
  expect(banOf({ network: '192.0.2.0/24', by: 'Mara', at: 5 })).toEqual({ of: { network: '192.0.2.0/24' }, by: 'Mara', at: 5, reason: '' });
  expect(banOf({ userId: 'u', name: 'Ben', by: null, at: 5 })).toMatchObject({ of: { user: 'u', name: 'Ben' }, by: null });
  expect(entryOf({ at: 5, by: 'Mara', deed: 'ban', target: 'u', detail: 'Mara banned "Ben"' })).toEqual({ at: 5, sentence: 'Mara banned "Ben"' });
});
