// Captions of the media, whoever brought them: hls.js from the playlist or the picture, or the browser's own player.
// All of them are text tracks of the video element, and so the menu needs to know nothing of either.

export interface Caption {
  /** The same for the same captions of the next broadcast. */
  id: string;
  label: string;
}

type Track = Pick<TextTrack, 'kind' | 'label' | 'language'> & { mode: TextTrackMode };

/** What may be chosen, in the order of the media. */
export function captionsOf(tracks: Iterable<Track>): Caption[] {
  return named(tracks).map(([caption]) => caption);
}

/** Shows the captions of this id and hides all others; null or an unknown id hides them all. */
export function showCaptions(tracks: Iterable<Track>, id: string | null): void {
  for (const [caption, track] of named(tracks)) {
    const mode = caption.id === id ? 'showing' : 'disabled';
    // Each assignment is an event, and whoever listens would be called without end.
    if (track.mode !== mode) track.mode = mode;
  }
}

/** Id of the captions that are shown, or null. */
export function shownCaption(tracks: Iterable<Track>): string | null {
  return named(tracks).find(([, { mode }]) => mode === 'showing')?.[0].id ?? null;
}

function named(tracks: Iterable<Track>): [Caption, Track][] {
  const seen = new Map<string, number>();
  return [...tracks]
    .filter(({ kind }) => kind === 'captions' || kind === 'subtitles')
    .map((track) => {
      const name = track.label || languageName(track.language) || 'Captions';
      const times = (seen.get(name) ?? 0) + 1;
      seen.set(name, times);
      const label = times === 1 ? name : `${name} ${times}`;
      return [{ id: `${track.language}:${label}`, label }, track];
    });
}

function languageName(language: string): string {
  try {
    return language === '' ? '' : (new Intl.DisplayNames('en', { type: 'language' }).of(language) ?? language);
  } catch {
    return language;
  }
}
