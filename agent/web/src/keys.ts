// Which key does what in the player, and what the help says of it.

export type KeyAction =
  | 'play'
  | 'mute'
  | 'full'
  | 'theatre'
  | 'float'
  | 'captions'
  | 'live'
  | 'back'
  | 'forward'
  | 'louder'
  | 'softer'
  | 'help';

interface Shortcut {
  action: KeyAction;
  /** As `KeyboardEvent.key` names them, letters small. */
  keys: readonly string[];
  label: string;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { action: 'play', keys: ['k', ' '], label: 'Play or pause' },
  { action: 'mute', keys: ['m'], label: 'Sound on or off' },
  { action: 'louder', keys: ['arrowup'], label: 'Louder' },
  { action: 'softer', keys: ['arrowdown'], label: 'Softer' },
  { action: 'back', keys: ['arrowleft'], label: 'Five seconds back' },
  { action: 'forward', keys: ['arrowright'], label: 'Five seconds forward' },
  { action: 'live', keys: ['l'], label: 'Jump to live' },
  { action: 'captions', keys: ['c'], label: 'Captions on or off' },
  { action: 'theatre', keys: ['t'], label: 'Theatre mode' },
  { action: 'full', keys: ['f'], label: 'Full screen' },
  { action: 'float', keys: ['i'], label: 'Picture in picture' },
  { action: 'help', keys: ['?'], label: 'This help' },
];

const NAMES: Record<string, string> = { ' ': 'Space', arrowup: '↑', arrowdown: '↓', arrowleft: '←', arrowright: '→' };

/** What is written on a key. */
export function keyName(key: string): string {
  return NAMES[key] ?? key.toUpperCase();
}

interface Pressed {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** Where the focus is. */
export interface Focus {
  tagName: string;
  isContentEditable?: boolean;
  /** In the player, or nowhere in particular. */
  isPlayers: boolean;
}

/** What a key asks for, or null if it belongs to the browser or to the focused control. */
export function keyAction(pressed: Pressed, focus: Focus, hasLetterKeys = true): KeyAction | null {
  if (pressed.ctrlKey || pressed.altKey || pressed.metaKey) return null;
  const key = pressed.key.toLowerCase();
  const isCharacter = key.length === 1 && key !== ' ';
  // WCAG 2.2, 2.1.4: keys that are characters can be turned off.
  if (isCharacter && !hasLetterKeys) return null;
  if (isCharacter && isWrittenIn(focus)) return null;
  // Elsewhere arrows scroll, and the space bar presses or scrolls.
  if (!isCharacter && !focus.isPlayers) return null;
  if (focus.tagName === 'BUTTON' && key === ' ') return null;
  if (focus.tagName === 'INPUT' && key.startsWith('arrow')) return null;
  return SHORTCUTS.find(({ keys }) => keys.includes(key))?.action ?? null;
}

/** The one input of the player itself is a slider, where no letter is written. */
function isWrittenIn({ tagName, isContentEditable, isPlayers }: Focus): boolean {
  return isContentEditable === true || (['INPUT', 'TEXTAREA', 'SELECT'].includes(tagName) && !isPlayers);
}
