// The parts of a page's identity that live in its head: title, description, icon, colour of the browser's frame.

import type { Page } from './protocol.ts';

export function showIdentity(page: Page, logo: string): void {
  document.title = page.name;
  set('meta[name="description"]', 'content', page.summary || page.name);
  set('link[rel="icon"]', 'href', logo);
  const { background } = page.theme;
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    meta.content = background ?? meta.dataset['default'] ?? meta.content;
  }
}

function set(selector: string, attribute: string, value: string): void {
  document.head.querySelector(selector)?.setAttribute(attribute, value);
}
