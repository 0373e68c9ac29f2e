import { describe, expect, it } from 'vitest';
import { embedCode, sharedOrigin } from './share.ts';

describe('what is shared', () => {
  it('is the declared address, or the one the viewer came by', () => {
    expect(sharedOrigin('https://live.example/', 'http://10.0.0.1:8080')).toBe('https://live.example');
    expect(sharedOrigin(null, 'http://10.0.0.1:8080')).toBe('http://10.0.0.1:8080');
  });

  it('stays inside its quotes whatever the stream is called', () => {
    const code = embedCode({ origin: 'https://live.example', name: '"><script>&amp;' });
    expect(code).toBe(
      '<iframe src="https://live.example/embed/video" title="&#34;&#62;&#60;script&#62;&#38;amp;" width="640" height="360" ' +
        'allow="autoplay; fullscreen; picture-in-picture" allowfullscreen style="border: 0"></iframe>',
    );
  });
});
