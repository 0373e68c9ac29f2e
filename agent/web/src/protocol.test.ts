import { describe, expect, it } from 'vitest';
import { readMessage, webUrl } from './protocol.ts';

const page = { name: 'n', summary: '', tags: [], socialHandles: [], offlineMessage: '', theme: {}, logo: null };
const broadcast = { id: 'a', startedAt: 1, playlist: '/p', ladderRevision: 0, variants: [] };

describe('a frame of the event socket', () => {
  it.each([
    { kind: 'hello', page, broadcast: null },
    { kind: 'hello', page, broadcast },
    { kind: 'page', page },
    { kind: 'broadcast', broadcast },
    { kind: 'broadcast', broadcast: null },
  ])('is read: %o', (message) => {
    expect(readMessage(JSON.stringify(message))).toEqual(message);
  });

  it.each(['', '{', '[]', 'null', '1', '{"kind":"news"}', '{"kind":"page"}', '{"kind":"hello","page":{}}'])(
    'is skipped: %s',
    (text) => {
      expect(readMessage(text)).toBeNull();
    },
  );
});

describe('an address', () => {
  it('leads to the web or nowhere', () => {
    expect(webUrl('https://a.example/x')).toBe('https://a.example/x');
    for (const address of ['javascript:alert(1)', ' JAVASCRIPT:x', 'data:text/html,x', '/relative', 'ftp://a', '']) {
      expect(webUrl(address)).toBeNull();
    }
  });
});
