// Which key does what in the player.

export type KeyAction = 'play' | 'mute' | 'full' | 'live' | 'back' | 'forward' | 'louder' | 'softer';

const KEYS: Record<string, KeyAction> = {
  ' ': 'play',
  k: 'play',
  m: 'mute',
  f: 'full',
  l: 'live',
  arrowleft: 'back',
  arrowright: 'forward',
  arrowup: 'louder',
  arrowdown: 'softer',
};

interface Pressed {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** What a key asks for, or null if it belongs to the browser or to the focused control. */
export function keyAction(pressed: Pressed, focused: { tagName: string }): KeyAction | null {
  if (pressed.ctrlKey || pressed.altKey || pressed.metaKey) return null;
  const action = KEYS[pressed.key.toLowerCase()] ?? null;
  if (focused.tagName === 'BUTTON' && pressed.key === ' ') return null;
  if (focused.tagName === 'INPUT' && pressed.key.startsWith('Arrow')) return null;
  return action;
}
