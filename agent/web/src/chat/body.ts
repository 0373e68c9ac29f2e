// A message's HTML as a tree of the few elements a message may have. The server has sanitised it; here it is read once
// more, into nothing but these elements, and the page makes them itself: no string ever becomes markup in the page, and
// Trusted Types, under which `DOMParser` refuses strings as well, have nothing to object to.

import { isOwnPicture } from './emoji.ts';

export type Piece =
  | { tag: 'text'; text: string }
  | { tag: 'br' }
  | { tag: 'emoji'; src: string; alt: string }
  | { tag: 'a'; href: string; inside: Piece[] }
  | { tag: 'p' | 'strong' | 'em' | 'code' | 'pre'; inside: Piece[] };

type Open = { tag: string; inside: Piece[]; attributes: Map<string, string> };

const HOLDERS = new Set(['p', 'strong', 'em', 'code', 'pre', 'a']);

/** Deeper than anybody means, and shallow enough for every stack. */
const DEEPEST = 12;

/** A tag, or a run of text. */
const TOKEN = /<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:[^>"']|"[^"]*"|'[^']*')*)>|<|[^<]+/g;

const ATTRIBUTE = /([a-zA-Z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };

/** Reads HTML. Elements that a message may not have are passed over, and what is in them stays. */
export function readBody(html: string): Piece[] {
  const root: Open = { tag: '', inside: [], attributes: new Map() };
  const open: Open[] = [root];
  for (const [token, slash, name, rest] of html.matchAll(TOKEN)) {
    const top = open.at(-1) ?? root;
    if (name === undefined) addText(top, token);
    else if (slash === '/') close(open, name.toLowerCase());
    else addElement(open, name.toLowerCase(), rest ?? '');
  }
  while (open.length > 1) closeTop(open);
  return root.inside;
}

/** What a message says without its looks: for quotes and mentions. */
export function plainText(pieces: readonly Piece[]): string {
  return pieces.map(plain).join('').replace(/\s+/g, ' ').trim();
}

function plain(piece: Piece): string {
  if (piece.tag === 'text') return piece.text;
  if (piece.tag === 'br') return ' ';
  if (piece.tag === 'emoji') return piece.alt;
  const inside = piece.inside.map(plain).join('');
  return piece.tag === 'p' || piece.tag === 'pre' ? `${inside} ` : inside;
}

/** Whether `text` speaks to the one of this name: "@Anna". */
export function mentions(text: string, name: string): boolean {
  const [said, called] = [text.toLowerCase(), `@${name.toLowerCase()}`];
  for (let at = said.indexOf(called); at !== -1; at = said.indexOf(called, at + 1)) {
    const after = said.slice(at + called.length);
    if (!/^[\p{L}\p{N}_]/u.test(after)) return true;
  }
  return false;
}

function addText(top: Open, token: string): void {
  const text = decode(token);
  if (text !== '') top.inside.push({ tag: 'text', text });
}

function addElement(open: Open[], tag: string, rest: string): void {
  const top = open.at(-1);
  if (top === undefined) return;
  if (tag === 'br') top.inside.push({ tag: 'br' });
  else if (tag === 'img') addEmoji(top, attributes(rest));
  else if (HOLDERS.has(tag) && open.length <= DEEPEST) open.push({ tag, inside: [], attributes: attributes(rest) });
}

function addEmoji(top: Open, found: Map<string, string>): void {
  const [src, alt] = [found.get('src') ?? '', found.get('alt') ?? ''];
  if (isOwnPicture(src)) top.inside.push({ tag: 'emoji', src, alt });
  else if (alt !== '') top.inside.push({ tag: 'text', text: alt });
}

/** Closes the nearest open element of this name and what is in it; a stray end tag closes nothing. */
function close(open: Open[], tag: string): void {
  const at = open.findLastIndex((one) => one.tag === tag);
  if (at < 1) return;
  while (open.length > at) closeTop(open);
}

function closeTop(open: Open[]): void {
  const [top, parent] = [open.pop(), open.at(-1)];
  if (top === undefined || parent === undefined) return;
  const { tag, inside } = top;
  if (tag !== 'a') {
    parent.inside.push({ tag: tag as 'p', inside });
    return;
  }
  const href = webAddress(top.attributes.get('href') ?? '');
  // A link that leads nowhere on the web is the words it was made of.
  if (href === null) parent.inside.push(...inside);
  else parent.inside.push({ tag: 'a', href, inside });
}

function attributes(text: string): Map<string, string> {
  const pairs = [...text.matchAll(ATTRIBUTE)];
  return new Map(pairs.map(([, name, double, single]) => [(name ?? '').toLowerCase(), decode(double ?? single ?? '')]));
}

function webAddress(address: string): string | null {
  try {
    const url = new URL(address);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}

function decode(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]{2,5}));/gi, (whole, hex, digits, named) => {
    if (named !== undefined) return ENTITIES[(named as string).toLowerCase()] ?? whole;
    const code = hex === undefined ? Number(digits) : parseInt(hex as string, 16);
    const isCharacter = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return isCharacter ? String.fromCodePoint(code) : '\ufffd';
  });
}
