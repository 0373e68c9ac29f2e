import { describe, expect, it } from 'vitest';
import { keepChoice, menuItems, variantOf } from './quality.ts';

const LADDER = [
  { name: 'source', width: 1920, height: 1080 },
  { name: 'v_1.b', width: 0, height: 0 },
];

describe('the quality menu', () => {
  it.each([
    ['http://a.example/hls/video/source/stream.m3u8', 'source'],
    ['/hls/video/v_1.b/stream.m3u8?x=1', 'v_1.b'],
    ['/hls/video/gone/stream.m3u8', undefined],
    ['/hls/audio/stream.m3u8', undefined],
    ['/source/stream.m3u8', undefined],
    ['http://[', undefined],
    ['/hls/video/%E0%A4%A/stream.m3u8', undefined],
  ])('knows the variant of %s', (address, name) => {
    expect(variantOf(address, LADDER)?.name).toBe(name);
  });

  it('lists automatic first, then the ladder as declared', () => {
    expect(menuItems(LADDER, 'source')).toEqual([
      { choice: null, label: 'Auto', detail: 'source' },
      { choice: 'source', label: 'source', detail: '1920 × 1080' },
      { choice: 'v_1.b', label: 'v_1.b', detail: '' },
    ]);
  });

  it('keeps a choice that the new ladder still offers, and goes automatic otherwise', () => {
    expect(keepChoice('source', LADDER)).toBe('source');
    expect(keepChoice('gone', LADDER)).toBeNull();
    expect(keepChoice(null, LADDER)).toBeNull();
  });
});
