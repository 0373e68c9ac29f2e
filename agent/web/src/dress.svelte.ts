// What the page wears: colours, title, icon, and what the operator adds. Follows the settings while the page is open.

import type { App } from './app.svelte.ts';
import { runScript, wearStyle } from './custom.ts';
import { showIdentity } from './identity.ts';
import mark from './mark.svg';
import { ownAddress } from './protocol.ts';
import { applyTheme } from './theme.ts';

export type Phase = 'offline' | 'loading' | 'held' | 'live' | 'reconnecting';

/** Said to screen readers when it changes. */
export const STATUS: Record<Phase, string> = {
  offline: 'The stream is offline.',
  loading: 'The stream is live.',
  held: 'The stream is live.',
  live: 'The stream is live.',
  reconnecting: 'The stream is interrupted. It will continue here by itself.',
};

export function logoOf(app: App): string {
  return app.page.logo ?? mark;
}

/** Called while a component is made, and in force until that goes. The operator's script runs on the page alone. */
export function dress(app: () => App, phase: () => Phase, isEmbed: boolean): void {
  const root = document.documentElement;
  const style = $derived(ownAddress(app().page.customCss));
  const script = $derived(isEmbed ? null : ownAddress(app().page.customJavascript));
  $effect(() => {
    root.dataset['state'] = phase();
  });
  $effect(() => {
    root.dataset['socket'] = app().isConnected ? 'open' : 'closed';
  });
  $effect(() => applyTheme(app().page.theme, root));
  $effect(() => showIdentity(app().page, app().title, logoOf(app()), isEmbed));
  $effect(() => wearStyle(style));
  $effect(() => void runScript(script));
}
