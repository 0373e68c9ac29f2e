import { describe, expect, it } from 'vitest';
import { ownAddress, type Page, readMessage, webUrl } from './protocol.ts';

const action = { title: 't', url: 'https://a.example/', description: '', colour: null, openExternally: true, frame: null };
const theme = {
  background: null,
  surface: null,
  text: null,
  mutedText: null,
  accent: null,
  accentText: null,
  cornerRadius: 4,
};
const page: Page = {
  name: 'n',
  summary: '',
  tags: [],
  socialHandles: [],
  offlineHtml: '',
  contentHtml: '<p>c</p>',
  theme,
  logo: null,
  customCss: '/custom.css?v=1',
  customJavascript: null,
  externalActions: [action, { ...action, openExternally: false, frame: '/action/1?v=2' }],
  showViewerCount: true,
  autoplay: 'soundOnly',
  nsfw: false,
  searchIndexing: true,
  publicUrl: null,
  chat: { questions: true, slowModeSeconds: 0, maxMessageBytes: 2048 },
};
const broadcast = { id: 'a', startedAt: 1, reconnecting: null, playlist: '/p', ladderRevision: 0, variants: [] };

describe('a frame of the event socket', () => {
  it.each([
    { kind: 'hello', page, broadcast: null, viewers: null, lastLive: 1 },
    { kind: 'hello', page, broadcast, viewers: 0, lastLive: null },
    { kind: 'hello', page, title: 'Ebb', broadcast, viewers: 0, lastLive: null },
    { kind: 'title', title: '' },
    { kind: 'viewers', viewers: 12 },
    { kind: 'viewers', viewers: null },
    { kind: 'page', page },
    { kind: 'broadcast', broadcast, lastLive: null },
    { kind: 'broadcast', broadcast: null, lastLive: null },
    { kind: 'broadcast', broadcast: { ...broadcast, reconnecting: { since: 1, until: null } }, lastLive: 5 },
    { kind: 'broadcast', broadcast: { ...broadcast, reconnecting: { since: 1, until: 61 } }, lastLive: 5 },
  ])('is read: %o', (message) => {
    expect(readMessage(JSON.stringify(message))).toEqual(message);
  });

  it.each(['', '{', '[]', 'null', '1', '{"kind":"news"}', '{"kind":"page"}', '{"kind":"hello","page":{}}', '{"kind":"viewers"}'])(
    'is skipped: %s',
    (text) => {
      expect(readMessage(text)).toBeNull();
    },
  );

  it.each(Object.keys(page))('is skipped when its page has another %s', (key) => {
    expect(readMessage(JSON.stringify({ kind: 'page', page: { ...page, [key]: 7 } }))).toBeNull();
    const without = readMessage(JSON.stringify({ kind: 'page', page: { ...page, [key]: undefined } }));
    // A server that knows of no chat has none.
    expect(without === null).toBe(key !== 'chat');
  });

  it.each(Object.keys(action))('is skipped when an action has another %s', (key) => {
    const externalActions = [{ ...action, [key]: 7 }];
    expect(readMessage(JSON.stringify({ kind: 'page', page: { ...page, externalActions } }))).toBeNull();
  });
});

describe('an address', () => {
  it('leads to the web or nowhere', () => {
    expect(webUrl('https://a.example/x')).toBe('https://a.example/x');
    for (const address of ['javascript:alert(1)', ' JAVASCRIPT:x', 'data:text/html,x', '/relative', 'ftp://a', '']) {
      expect(webUrl(address)).toBeNull();
    }
  });

  it('leads to this server or nowhere', () => {
    expect(ownAddress('/custom.js?v=1')).toBe('/custom.js?v=1');
    for (const address of [null, '', '/', '//a.example/x', '/\\a.example', 'https://a.example/', 'javascript:x', 'x.js']) {
      expect(ownAddress(address)).toBeNull();
    }
  });
});
