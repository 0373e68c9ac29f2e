// What a viewer chose, kept in this browser between visits. Storage may be refused (private windows, embeds) or hold
// anything: then a choice lasts as long as the page, and what is not a choice counts as none.

const KEY = 'nixcast-preferences';

export interface Preferences {
  /** Between 0 and 1. */
  volume: number;
  isMuted: boolean;
  /** Name of the variant, null for automatic. It is kept while a ladder does not offer it. */
  quality: string | null;
  /** The captions that were chosen last, by their id; null for none. */
  captions: string | null;
  isTheatre: boolean;
  /** Whether single letters are shortcuts. They are in the way of some who speak to their computer. */
  hasLetterKeys: boolean;
}

const DEFAULTS: Preferences = {
  volume: 1,
  isMuted: false,
  quality: null,
  captions: null,
  isTheatre: false,
  hasLetterKeys: true,
};

const isName = (value: unknown) => value === null || (typeof value === 'string' && value.length <= 200);
const isBoolean = (value: unknown) => typeof value === 'boolean';

const FITS: Record<keyof Preferences, (value: unknown) => boolean> = {
  volume: (value) => typeof value === 'number' && value >= 0 && value <= 1,
  isMuted: isBoolean,
  quality: isName,
  captions: isName,
  isTheatre: isBoolean,
  hasLetterKeys: isBoolean,
};

/** What was stored, with the default for each value that is missing or strange. */
export function readPreferences(stored: string | null): Preferences {
  try {
    const value: unknown = JSON.parse(stored ?? '{}');
    if (typeof value !== 'object' || value === null) return { ...DEFAULTS };
    const good = Object.entries(FITS).flatMap(([key, fits]) => {
      const chosen: unknown = (value as Record<string, unknown>)[key];
      return fits(chosen) ? [[key, chosen] as const] : [];
    });
    return { ...DEFAULTS, ...Object.fromEntries(good) };
  } catch {
    return { ...DEFAULTS };
  }
}

/** Where preferences are: `localStorage`, which may throw whenever it is touched. */
export interface Shelf {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

export class Memory {
  #last: Preferences | null = null;

  constructor(readonly shelf: () => Shelf) {}

  read(): Preferences {
    return (this.#last ??= this.#stored());
  }

  /** Changes what is named, and leaves alone what another tab chose meanwhile. */
  keep(change: Partial<Preferences>): void {
    this.#last = { ...this.#stored(), ...change };
    try {
      this.shelf().setItem(KEY, JSON.stringify(this.#last));
    } catch {
      // It lasts as long as the page.
    }
  }

  #stored(): Preferences {
    try {
      const text = this.shelf().getItem(KEY);
      return text === null && this.#last !== null ? this.#last : readPreferences(text);
    } catch {
      return this.#last ?? { ...DEFAULTS };
    }
  }
}

export const preferences = new Memory(() => localStorage);
