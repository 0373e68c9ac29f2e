// Takes over the page that the engine rendered: same markup, same state, from now on redrawn as the engine speaks.

import { type Component, mount } from 'svelte';
import { App } from './app.svelte.ts';
import Embed from './Embed.svelte';
import type { Snapshot } from './protocol.ts';
import View from './View.svelte';

/** The pages that a viewer of the stream never fetches; the names are those of shell/chat.rs. */
const PAGES = new Map<string, () => Promise<{ default: Component<{ app: App }> }>>([
  ['chat-readonly', () => import('./chat/Alone.svelte')],
  ['chat-readwrite', () => import('./chat/Alone.svelte')],
  ['admin', () => import('./admin/Admin.svelte')],
  ['moderate', () => import('./moderate/Moderate.svelte')],
  ['stage', () => import('./stage/Stage.svelte')],
]);

const target = document.getElementById('app');
const state = document.getElementById('nixcast-state');

if (target !== null && state !== null) {
  const app = new App(JSON.parse(state.textContent) as Snapshot);
  // Both happen before the next paint, so the viewer sees no gap between the two.
  target.replaceChildren();
  const view = document.documentElement.dataset['view'];
  const page = PAGES.get(view ?? '');
  if (page === undefined) mount(view === 'video' ? Embed : View, { target, props: { app } });
  else void page().then(({ default: Page }) => mount(Page, { target, props: { app } }));
  app.connect();
  // After the paint of what has been mounted.
  requestAnimationFrame(() => requestAnimationFrame(() => (document.documentElement.dataset['scripted'] = '')));
}
