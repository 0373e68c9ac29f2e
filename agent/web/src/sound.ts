// The viewer's volume, kept between visits. Storage may be refused (private windows, embeds): then it is forgotten.

const KEY = 'nixcast-sound';

export interface Sound {
  /** Between 0 and 1. */
  volume: number;
  isMuted: boolean;
}

export function loadSound(): Sound {
  try {
    return readSound(localStorage.getItem(KEY));
  } catch {
    return readSound(null);
  }
}

export function saveSound(sound: Sound): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(sound));
  } catch {
    // Nothing depends on it.
  }
}

/** What was stored, or full volume for anything that is not a sound. */
export function readSound(stored: string | null): Sound {
  const fallback: Sound = { volume: 1, isMuted: false };
  if (stored === null) return fallback;
  try {
    const { volume, isMuted } = JSON.parse(stored) as Partial<Sound>;
    const isVolume = typeof volume === 'number' && volume >= 0 && volume <= 1;
    return isVolume && typeof isMuted === 'boolean' ? { volume, isMuted } : fallback;
  } catch {
    return fallback;
  }
}
