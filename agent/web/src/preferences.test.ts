import { describe, expect, it } from 'vitest';
import { Memory, readPreferences, type Shelf } from './preferences.ts';

const FRESH = { volume: 1, isMuted: false, quality: null, captions: null, isTheatre: false, hasLetterKeys: true };

function shelf(): Shelf & { text: string | null } {
  return {
    text: null,
    getItem() {
      return this.text;
    },
    setItem(_, value) {
      this.text = value;
    },
  };
}

describe('what a viewer chose', () => {
  it('is what was stored, value by value', () => {
    const stored = JSON.stringify({ volume: 0.5, isMuted: 'yes', quality: '720p', isTheatre: true, other: 1 });
    expect(readPreferences(stored)).toEqual({ ...FRESH, volume: 0.5, quality: '720p', isTheatre: true });
    for (const strange of [null, '', '{', 'null', '7', '[]', '{"volume":7}', '{"quality":3}', '{"__proto__":{"volume":0}}']) {
      expect(readPreferences(strange)).toEqual(FRESH);
    }
  });

  it('is there at the next visit, and keeps what another tab chose', () => {
    const place = shelf();
    const [here, there] = [new Memory(() => place), new Memory(() => place)];
    here.read();
    there.keep({ isTheatre: true });
    here.keep({ volume: 0.25 });
    expect(new Memory(() => place).read()).toEqual({ ...FRESH, isTheatre: true, volume: 0.25 });
  });

  it('lasts as long as the page where nothing may be stored', () => {
    const memory = new Memory(() => {
      throw new DOMException('denied', 'SecurityError');
    });
    expect(memory.read()).toEqual(FRESH);
    memory.keep({ quality: 'low' });
    memory.keep({ isMuted: true });
    expect(memory.read()).toEqual({ ...FRESH, quality: 'low', isMuted: true });
  });
});
