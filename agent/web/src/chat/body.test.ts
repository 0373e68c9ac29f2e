import { describe, expect, it } from 'vitest';
import { mentions, type Piece, plainText, readBody } from './body.ts';

const text = (words: string): Piece => ({ tag: 'text', text: words });

/** Every address that something of a tree would lead to or load. */
function addresses(pieces: readonly Piece[]): string[] {
  return pieces.flatMap((piece) => [
    ...('href' in piece ? [piece.href] : []),
    ...('src' in piece ? [piece.src] : []),
    ...('inside' in piece ? addresses(piece.inside) : []),
  ]);
}

function tags(pieces: readonly Piece[]): string[] {
  return pieces.flatMap((piece) => [piece.tag, ...('inside' in piece ? tags(piece.inside) : [])]);
}

describe('a body', () => {
  it('becomes the elements that a message may have', () => {
    expect(readBody('<p>a <strong>b</strong><br>c &amp; &lt;d&gt; &#39;e&#x27; &nbsp;</p>')).toEqual([
      {
        tag: 'p',
        inside: [text('a '), { tag: 'strong', inside: [text('b')] }, { tag: 'br' }, text("c & <d> 'e' \u00a0")],
      },
    ]);
    const link = '<a href="https://a.example/?x=1&amp;y=2" target="_blank" rel="nofollow"><code>x</code></a>';
    expect(readBody(link)).toEqual([
      { tag: 'a', href: 'https://a.example/?x=1&y=2', inside: [{ tag: 'code', inside: [text('x')] }] },
    ]);
    expect(readBody('<img class="emoji" src="/img/emoji/set/../x.png" alt=":x:">')).toEqual([text(':x:')]);
    expect(readBody('<img class="emoji" alt=":wave:" src="/img/emoji/wave.png" title="wave"/>')).toEqual([
      { tag: 'emoji', src: '/img/emoji/wave.png', alt: ':wave:' },
    ]);
  });

  it('is whole whatever is left open or closed too much', () => {
    expect(readBody('<em>a<strong>b</em>c</strong>')).toEqual([
      { tag: 'em', inside: [text('a'), { tag: 'strong', inside: [text('b')] }] },
      text('c'),
    ]);
    expect(readBody('a < b')).toEqual([text('a '), text('<'), text(' b')]);
    expect(readBody('')).toEqual([]);
    const deep = readBody('<em>'.repeat(5000) + 'x');
    expect(plainText(deep)).toBe('x');
    expect(tags(deep).length).toBeLessThan(20);
  });

  it('leads nowhere but to the web, and loads nothing but emoji', () => {
    const hostile = [
      '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<svg onload="alert(1)">', '<iframe src="https://x.example"></iframe>',
      '<a href="javascript:alert(1)">x</a>', '<a href=" java\nscript:alert(1)">x</a>', "<a href='data:text/html,x'>x</a>",
      '<a href="&#106;avascript:alert(1)">x</a>', '<a href="//x.example">x</a>', '<a href="/relative">x</a>',
      '<img src="https://x.example/p.png" alt="p">', '<img src="//x.example/p.png">', '<img src="/img/emoji/.png">',
      '<img src="/img/emoji/a/b.png">', '<img src="/img/emoji/../../logo">', '<img src="data:image/png;base64,x">',
      '<style>*{}</style>', '<base href="https://x.example">', '<form action="https://x.example">', '<math><mi xlink:href="javascript:x">',
      '<p onclick="alert(1)" style="position:fixed">x</p>', '<a href="https://x.example" onclick="alert(1)">x</a>', '<<a href="javascript:x">',
      '<a href="ok" href="javascript:x">x</a>', '<video src=x>', '<object data=x>', '<template><p>x</p></template>',
    ];
    for (const html of hostile) {
      const tree = readBody(html);
      expect(addresses(tree).filter((address) => address !== 'https://x.example/'), html).toEqual([]);
      for (const tag of tags(tree)) expect(['text', 'p', 'a', 'em', 'strong', 'code', 'pre', 'br', 'emoji'], html).toContain(tag);
    }
  });

  it('has words of its own', () => {
    expect(plainText(readBody('<p>a<br>b</p><p><img src="/img/emoji/x.png" alt=":x:"> <em>c</em></p>'))).toBe('a b :x: c');
  });
});

describe('a mention', () => {
  it('is the whole name after an at sign', () => {
    for (const said of ['@Anna', 'hi @anna!', '@ANNA, look', '@annabel and @anna']) expect(mentions(said, 'Anna')).toBe(true);
    for (const said of ['Anna', '@Annabel', '@anna7', '', '@ Anna']) expect(mentions(said, 'Anna')).toBe(false);
    expect(mentions('@a.*b', 'a.*b')).toBe(true);
  });
});
