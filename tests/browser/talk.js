// People who talk: how a test says something in the chat, and what it hears.

import { until } from './server.js';
import { DESKTOP, Viewer } from './viewer.js';

export const field = (page) => page.getByRole('textbox', { name: /^Your (message|question)/ });
export const log = (page) => page.getByRole('log', { name: 'Messages' });
export const said = async (page) => (await log(page).locator('.line-body').allTextContents()).map((one) => one.trim());
export const isOpen = (page) => until('a line', 10_000, () => page.locator('.chat-room[data-state="open"]').count());

/** Somebody new in the chat of this server: a viewer with an `id` and a `name`. */
export async function join({ browser, server }, device = DESKTOP, prepare = null, serve = null) {
  const viewer = await Viewer.open(browser, server.page, device, prepare, serve);
  await isOpen(viewer.page);
  const { id, name } = await viewer.page.evaluate(() => JSON.parse(localStorage.getItem('nixcast-chat')));
  return Object.assign(viewer, { id, name });
}

export async function say(page, text) {
  await field(page).fill(text);
  await field(page).press('Enter');
}

/** Until these are the last that were said. */
export async function hears(page, ...texts) {
  await until(`to hear ${texts}`, 10_000, async () => JSON.stringify((await said(page)).slice(-texts.length)) === JSON.stringify(texts));
}
