import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { brotli } from './build/brotli.ts';
import { emoji } from './build/emoji.ts';

// The engine renders the HTML itself, so there is no index.html: the manifest tells it which files to name.
export default defineConfig({
  base: '/',
  plugins: [svelte(), emoji(), brotli()],
  build: {
    target: ['es2022', 'chrome123', 'edge123', 'firefox120', 'safari17.5'],
    // Stated apart: with a year of ECMAScript among the targets, light-dark() would be replaced by what follows the
    // browser's scheme and not the theme's.
    cssTarget: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    manifest: true,
    sourcemap: false,
    // The content security policy admits neither data: addresses nor an inline polyfill.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // hls.js alone is larger than the default limit; the budget is checked in brotli, by build/brotli.ts.
    chunkSizeWarningLimit: 700,
    // The style sheet is an input of its own: a script that imported it would fetch it again beside the one in the page.
    rolldownOptions: { input: ['src/main.ts', 'src/styles/shell.css'] },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
