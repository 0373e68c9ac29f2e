// Takes over the page that the engine rendered: same markup, same state, from now on redrawn as the engine speaks.

import './styles/palette.css';
import './styles/page.css';
import './styles/player.css';
import './styles/prose.css';
import './styles/actions.css';
import './styles/sheet.css';
import './styles/embed.css';
import { mount } from 'svelte';
import { App } from './app.svelte.ts';
import Embed from './Embed.svelte';
import type { Snapshot } from './protocol.ts';
import View from './View.svelte';

const target = document.getElementById('app');
const state = document.getElementById('nixcast-state');

if (target !== null && state !== null) {
  const app = new App(JSON.parse(state.textContent) as Snapshot);
  // Both happen before the next paint, so the viewer sees no gap between the two.
  target.replaceChildren();
  mount(document.documentElement.dataset['embed'] === 'video' ? Embed : View, { target, props: { app } });
  app.connect();
}
