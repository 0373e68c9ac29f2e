import { expect, it } from 'vitest';
import { chatCookie, isChatHidden } from './wish.ts';

it('finds the wish among other cookies, and nowhere else', () => {
  expect(isChatHidden('')).toBe(false);
  expect(isChatHidden('a=b; nixcast-chat=hidden;c=d')).toBe(true);
  expect(isChatHidden('nixcast-chat=shown')).toBe(false);
  expect(isChatHidden('other-nixcast-chat=hidden')).toBe(false);
});

it('is found again as it was kept', () => {
  for (const wish of [true, false]) {
    const [kept, ...rest] = chatCookie(wish).split('; ');
    expect(isChatHidden(kept ?? '')).toBe(wish);
    expect(rest).toContain('path=/');
  }
});
