// The parts of a page's identity that live in its head: title, description, icon, colour of the browser's frame, and
// what search engines and shared links are told.

import type { Page } from './protocol.ts';

/** `isEmbed`: it is no page of its own for search engines, whatever is declared. `about`: what the stream is about. */
export function showIdentity(page: Page, about: string, logo: string, isEmbed: boolean): void {
  document.title = about === '' ? page.name : `${about} · ${page.name}`;
  set('meta[name="description"]', 'content', page.summary || page.name);
  set('link[rel="icon"]', 'href', logo);
  const { background } = page.theme;
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    meta.content = background ?? meta.dataset['default'] ?? meta.content;
  }
  keep('meta[name="robots"]', 'meta', page.searchIndexing && !isEmbed ? null : { name: 'robots', content: 'noindex' });
  keep('meta[name="rating"]', 'meta', page.nsfw ? { name: 'rating', content: 'adult' } : null);
  keep('link[rel="canonical"]', 'link', page.publicUrl === null ? null : { rel: 'canonical', href: `${page.publicUrl}/` });
}

/** One element of the head with these attributes, or none. */
function keep(selector: string, tag: 'meta' | 'link', attributes: Record<string, string> | null): void {
  const present = document.head.querySelector(selector);
  if (attributes === null) return present?.remove();
  const element = present ?? document.head.appendChild(document.createElement(tag));
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

function set(selector: string, attribute: string, value: string): void {
  document.head.querySelector(selector)?.setAttribute(attribute, value);
}
