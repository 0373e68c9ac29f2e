import { describe, expect, it } from 'vitest';
import { captionsOf, showCaptions, shownCaption } from './captions.ts';

const track = (kind: TextTrackKind, label: string, language: string) => ({ kind, label, language, mode: 'disabled' as TextTrackMode });

describe('captions', () => {
  it('are the text tracks that are meant to be read, by name', () => {
    const tracks = [
      track('metadata', 'id3', ''),
      track('captions', 'English', 'en'),
      track('subtitles', '', 'de'),
      track('captions', '', ''),
      track('subtitles', 'English', 'en'),
      track('subtitles', '', 'no such language'),
    ];
    expect(captionsOf(tracks).map(({ label }) => label)).toEqual(['English', 'German', 'Captions', 'English 2', 'no such language']);
    expect(new Set(captionsOf(tracks).map(({ id }) => id)).size).toBe(5);
  });

  it('are shown one at a time or not at all', () => {
    const tracks = [track('captions', 'English', 'en'), track('captions', 'Deutsch', 'de'), track('metadata', '', '')];
    const shown = () => tracks.map(({ mode }) => mode);
    tracks[2]!.mode = 'hidden';
    showCaptions(tracks, captionsOf(tracks)[1]!.id);
    expect(shown()).toEqual(['disabled', 'showing', 'hidden']);
    expect(shownCaption(tracks)).toBe(captionsOf(tracks)[1]!.id);
    showCaptions(tracks, null);
    expect(shown()).toEqual(['disabled', 'disabled', 'hidden']);
    showCaptions(tracks, 'fr:Français');
    expect(shown()).toEqual(['disabled', 'disabled', 'hidden']);
  });
});
