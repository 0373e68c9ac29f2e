// What an operator adds to the page — words, buttons, a style, a script — while somebody watches, and what of it can
// do harm.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Server, until } from './server.js';
import { Site } from './site.js';
import { DESKTOP, launch, NOTHING, PHONE, Viewer } from './viewer.js';

/** Markdown with everything that has a style of its own, and two things wider than a phone. */
const CONTENT = `
# Programme

| Time | What | Who | Where | Language |
| ---: | :--- | :-: | ----- | -------- |
| 20:00 | Doors, and a long look around | everybody | hall | any |
| 20:15 | One module, two hosts | Ada | stage | English |

## Before you come

Read [the manual](https://example.org/manual), *all* of **it**, and \`nix.dev\`.

- [x] microphone
- [ ] camera
  1. first
  2. second

> No restart, no stall.

\`\`\`nix
services.nixcast.instance.name = "A very long line, wider than the screen of any phone that was ever made or will be";
\`\`\`

---

<details><summary>How to take part</summary>Press <kbd>Ask</kbd>.</details>
`;

const OFFLINE = '## Next tide at *nine*\n\nPictures of the last one are [in the archive](https://example.org/).\n\n- bring boots';

/** Each would set \`window.pwned\`, or leave the page, if any wall were missing. */
const HOSTILE = [
  '<script>window.pwned = 1</script>',
  '</script><script>window.pwned = 2</script>',
  '<img src="x" onerror="window.pwned = 3">',
  '<svg onload="window.pwned = 4"><script>window.pwned = 5</script></svg>',
  '<details open ontoggle="window.pwned = 6"><summary>s</summary></details>',
  '<iframe srcdoc="<script>parent.pwned = 7</script>"></iframe>',
  '[a](javascript:window.pwned=8) <a href=" jAvAsCrIpT:window.pwned=9">b</a> <a href="java&#10;script:window.pwned=9">c</a>',
  '<form action="javascript:window.pwned=10"><button formaction="javascript:window.pwned=10">x</button></form>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.pwned=11&gt;">',
  '<noscript><p title="</noscript><img src=x onerror=window.pwned=12>"></noscript>',
  '<meta http-equiv="refresh" content="0;url=https://stranger.example/"><base href="https://stranger.example/">',
  '<object data="https://stranger.example/"></object><embed src="https://stranger.example/">',
  '<link rel="stylesheet" href="https://stranger.example/x.css"><style>@import "https://stranger.example/y.css";</style>',
  '![pixel](https://stranger.example/pixel.gif) <p style="background:url(https://stranger.example/)" class="stage">p</p>',
  '{@html "<img src=x onerror=window.pwned=13>"} {{constructor.constructor("window.pwned=14")()}}',
].join('\n\n');

/** What a button or a tag can hold of it: one short line. */
const HOSTILE_LINE = '"><img src=x onerror=window.pwned=15>';

describe('a page that its operator adds to', { timeout: 300_000 }, () => {
  let server;
  let site;
  let browser;
  before(async () => {
    server = await Server.start();
    site = await Site.start();
    await server.change(({ instance }) => {
      Object.assign(instance, { offlineMessage: OFFLINE, pageContent: CONTENT, nsfw: true });
      instance.externalActions = [site.action(), site.action({ title: 'Donate', openExternally: true, colour: '#1d4ed8' })];
    });
    browser = await launch();
  });
  after(async () => {
    await Promise.all([browser?.close(), site?.close(), server?.close()]);
  });

  const declare = (change) => server.write(({ instance }) => Object.assign(instance, change));

  /** Each viewer a page could have: none of them may be kept out. */
  const DEVICES = [DESKTOP, { ...DESKTOP, colorScheme: 'light' }, PHONE];

  it('says while offline what Markdown says, before any script and after it', async () => {
    for (const device of [...DEVICES, { ...DESKTOP, javaScriptEnabled: false }]) {
      const context = await browser.newContext(device);
      const page = await context.newPage();
      await page.goto(server.page);
      const stage = page.getByRole('region', { name: 'Stream', exact: true });
      await stage.getByRole('heading', { name: 'Next tide at nine' }).waitFor();
      await stage.getByRole('link', { name: 'in the archive' }).waitFor();
      await page.getByRole('region', { name: 'About this stream' }).getByRole('heading', { name: 'Programme' }).waitFor();
      await page.getByRole('link', { name: 'Donate' }).waitFor();
      await page.getByText('Mature content').waitFor();
      await context.close();
    }
    for (const device of DEVICES) {
      const viewer = await Viewer.open(browser, server.page, device);
      await viewer.page.getByRole('heading', { name: 'Next tide at nine' }).waitFor();
      assert.deepEqual(await viewer.barriers(), []);
      assert.ok((await viewer.overhang()) <= 0, 'the page is wider than its window');
      assert.deepEqual(await viewer.complaintList(), NOTHING);
      await viewer.close();
    }
    assert.deepEqual(site.visits, []);
  });

  it('looks the same before its script and after it', async () => {
    const measure = () =>
      Object.fromEntries(
        ['.stage', '.offline-message', '.about', '.actions', '.action', '.tags', '.links', '.content', '.content table'].map(
          (name) => {
            const { x, y, width, height } = document.querySelector(name).getBoundingClientRect();
            return [name, [x, y, width, height].map(Math.round).join(' ')];
          },
        ),
      );
    const seen = [];
    for (const javaScriptEnabled of [false, true]) {
      const context = await browser.newContext({ ...DESKTOP, javaScriptEnabled });
      const page = await context.newPage();
      await page.goto(server.page);
      if (javaScriptEnabled) await page.locator('html[data-socket=open]').waitFor();
      // Without its script a page says how to go on without one, which takes room.
      else await page.locator('.offline noscript').evaluate((words) => words.remove());
      seen.push(await page.evaluate(measure));
      await context.close();
    }
    assert.deepEqual(seen[1], seen[0]);
  });

  it('runs nothing of what hostile words hold, loaded with them or told of them', async () => {
    const viewer = await Viewer.open(browser, server.page);
    await declare({
      name: HOSTILE_LINE,
      summary: HOSTILE_LINE,
      tags: [HOSTILE_LINE],
      offlineMessage: `# Told\n\n${HOSTILE}`.slice(0, 2500),
      pageContent: HOSTILE,
      externalActions: [site.action({ title: HOSTILE_LINE, description: HOSTILE_LINE })],
    });
    await viewer.page.getByRole('heading', { name: 'Told' }).waitFor({ timeout: 5000 });
    const loaded = await Viewer.open(browser, server.page);
    await loaded.page.getByRole('heading', { name: 'Told' }).waitFor();
    for (const { page } of [viewer, loaded]) {
      await page.getByRole('button', { name: HOSTILE_LINE }).waitFor();
      const links = await page.locator('a[href]').evaluateAll((all) => all.map(({ protocol }) => protocol));
      assert.deepEqual([...new Set(links)].filter((protocol) => !/^https?:$/.test(protocol)), []);
      // The chat's own form is the only one.
      const forbidden = 'main :is(script, iframe, object, embed, form:not(.chat *), style, link, meta, base, [style*=url], [onerror], [onload])';
      assert.equal(await page.locator(forbidden).count(), 0);
      assert.equal(await page.evaluate(() => window.pwned), undefined);
    }
    // The policy had nothing to stop either, and nobody else heard of the visit.
    assert.deepEqual(await viewer.complaintList(), NOTHING);
    assert.deepEqual(await loaded.complaintList(), NOTHING);
    await viewer.close();
    await loaded.close();
    await server.change(({ instance }) => {
      const [name, summary] = ['Harbour', 'Ships coming and going, live.'];
      Object.assign(instance, { name, summary, tags: ['sea'], offlineMessage: '', pageContent: '', nsfw: false });
      instance.externalActions = [];
    });
  });

  describe('while it plays', () => {
    let viewer;
    before(async () => {
      await server.publish();
      viewer = await Viewer.open(browser, server.page);
      await viewer.plays();
    });
    after(() => viewer?.close());

    it('shows new words below the stream, and takes them away', async () => {
      await declare({ pageContent: CONTENT });
      await viewer.shows('the content', () => document.querySelector('.content h2')?.textContent === 'Programme');
      await declare({ pageContent: 'Just a word.' });
      await viewer.shows('other content', () => document.querySelector('.content').textContent.trim() === 'Just a word.');
      await declare({ pageContent: '' });
      await viewer.shows('no content', () => document.querySelector('.content') === null);
      await viewer.assertUndisturbed();
    });

    it('wears another style, and takes it off', async () => {
      const spacing = () => getComputedStyle(document.querySelector('h1')).letterSpacing;
      await declare({ customCss: 'h1 { letter-spacing: 3px }' });
      await until('the style', 2000, async () => (await viewer.page.evaluate(spacing)) === '3px');
      await declare({ customCss: 'h1 { letter-spacing: 5px }' });
      await until('another style', 2000, async () => (await viewer.page.evaluate(spacing)) === '5px');
      await viewer.shows('one style alone', () => document.querySelectorAll('link[href*="custom.css"]').length === 1);
      await declare({ customCss: '' });
      await until('no style', 2000, async () => !['3px', '5px'].includes(await viewer.page.evaluate(spacing)));
      await viewer.assertUndisturbed();
    });

    it('tells search engines where it really is', async () => {
      await server.write((settings) => (settings.publicUrl = 'https://live.example'));
      await viewer.shows('the address', () => document.querySelector('link[rel=canonical]')?.href === 'https://live.example/');
      await server.write((settings) => (settings.publicUrl = null));
      await viewer.shows('no address', () => document.querySelector('link[rel=canonical]') === null);
      await viewer.assertUndisturbed();
    });

    it('runs a script, tells it to leave, and runs the next one', async () => {
      const script = (name) => `
        (window.story ??= []).push('${name} runs');
        window.addEventListener('nixcast:unload', () => window.story.push('${name} leaves'), { once: true });
      `;
      const told = async (story) => {
        await until(story.at(-1), 5000, async () => {
          const told = await viewer.page.evaluate(() => window.story ?? []);
          return told.length >= story.length;
        });
        assert.deepEqual(await viewer.page.evaluate(() => window.story), story);
      };
      await declare({ customJavascript: script('a') });
      await told(['a runs']);
      await declare({ customJavascript: script('b') });
      await told(['a runs', 'a leaves', 'b runs']);
      await declare({ customJavascript: script('a') });
      await told(['a runs', 'a leaves', 'b runs', 'b leaves', 'a runs']);
      await declare({ customJavascript: '' });
      await told(['a runs', 'a leaves', 'b runs', 'b leaves', 'a runs', 'a leaves']);
      await viewer.assertUndisturbed();
    });

    it('runs its script when it is loaded, too', async () => {
      await server.change(({ instance }) => (instance.customJavascript = 'document.body.dataset.script = "ran"'));
      const other = await Viewer.open(browser, server.page);
      await other.page.locator('body[data-script=ran]').waitFor();
      await other.close();
      await declare({ customJavascript: '' });
    });

    it('takes no harm from a script that fails', async () => {
      const broken = {
        throws: 'throw new Error("on purpose")',
        'is no script': 'this is ( not a script',
        'uses what the policy forbids': 'new Function("return 1")()',
        'reaches for another server': 'await fetch("https://stranger.example/")',
      };
      for (const [what, customJavascript] of Object.entries(broken)) {
        const other = await Viewer.open(browser, server.page);
        await other.plays();
        await declare({ customJavascript });
        await until(`a word about a script that ${what}`, 5000, () =>
          other.complaints.some((line) => line.includes('the custom script failed')),
        );
        await declare({ customJavascript: 'document.body.dataset.mended = "yes"' });
        await other.page.locator('body[data-mended=yes]').waitFor({ timeout: 5000 });
        await other.playsOn(1);
        const { stalls, strangers } = await other.complaintList();
        assert.deepEqual({ stalls, strangers: strangers.filter((url) => !url.includes('stranger')) }, { stalls: [], strangers: [] });
        await other.close();
      }
      await declare({ customJavascript: '' });
      // The page that plays all the while said four times what failed, and nothing else.
      viewer.complaints = viewer.complaints.filter((line) => !/custom script failed|stranger\.example|TrustedScript/.test(line));
      viewer.strangers = viewer.strangers.filter((url) => !url.includes('stranger'));
      await viewer.page.evaluate(() => (window.__seen.violations = []));
      await viewer.assertUndisturbed();
    });

    it('shows a new site over the picture, loaded when it is asked for and not before', async () => {
      await declare({ externalActions: [site.action({ description: 'A form, answered live.', colour: '#ffe066' })] });
      const button = viewer.page.getByRole('button', { name: 'Ask' });
      await button.waitFor({ timeout: 2000 });
      const [ground, text] = await button.evaluate((all) => [getComputedStyle(all).backgroundColor, getComputedStyle(all).color]);
      assert.deepEqual([ground, text], ['rgb(255, 224, 102)', 'rgb(0, 0, 0)']);
      assert.equal(await button.getAttribute('title'), 'A form, answered live.');
      assert.equal(await describedAs(viewer, 'Ask'), 'A form, answered live.');
      await viewer.assertUndisturbed();
      assert.deepEqual(site.visits, [], 'the site heard of a viewer who did not ask for it');

      await button.click();
      const dialog = viewer.page.getByRole('dialog', { name: 'Ask' });
      await dialog.waitFor();
      const words = viewer.page.frameLocator('dialog iframe').frameLocator('iframe').getByRole('heading');
      await words.waitFor();
      assert.equal(await words.textContent(), 'What would you like to ask?');
      // The settings change under it: what somebody is filling in stays.
      await declare({ externalActions: [] });
      await button.waitFor({ state: 'detached' });
      assert.ok(await words.isVisible());
      await declare({ externalActions: [site.action()] });
      await button.waitFor();
      await dialog.getByRole('button', { name: 'Close' }).click();
      await dialog.waitFor({ state: 'detached' });

      assert.ok(viewer.strangers.every((url) => url.startsWith(site.address)), `${viewer.strangers}`);
      viewer.strangers.length = 0;
      await viewer.assertUndisturbed();
    });

    it('lets the keyboard open a site, leave it, and go on where it was', async () => {
      await declare({ externalActions: [site.action({ title: 'First' }), site.action({ title: 'Second' })] });
      const button = viewer.page.getByRole('button', { name: 'Second' });
      await button.focus();
      await viewer.page.keyboard.press('Enter');
      const dialog = viewer.page.getByRole('dialog', { name: 'Second' });
      await dialog.getByRole('button', { name: 'Close' }).and(viewer.page.locator(':focus')).waitFor();
      await viewer.page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      await button.and(viewer.page.locator(':focus')).waitFor();
      viewer.strangers.length = 0;
      await viewer.assertUndisturbed();
    });

    it('opens another tab where that is declared, and stays', async () => {
      await declare({ externalActions: [site.action({ title: 'Donate', openExternally: true })] });
      const link = viewer.page.getByRole('link', { name: 'Donate' });
      await link.waitFor({ timeout: 2000 });
      assert.equal(await link.getAttribute('rel'), 'noopener noreferrer');
      const [tab] = await Promise.all([viewer.context.waitForEvent('page'), link.click()]);
      await tab.waitForURL(`${site.address}ask`);
      assert.equal(await tab.evaluate(() => window.opener), null);
      await tab.close();
      await viewer.assertUndisturbed();
    });

    it('says how many watch, to those who may know', async () => {
      const count = () => document.querySelector('.viewers')?.title ?? null;
      const says = (words) => until(words ?? 'no number', 20_000, async () => (await viewer.page.evaluate(count)) === words);
      await says('1 viewer');
      const second = await Viewer.open(browser, server.page, PHONE);
      await says('2 viewers');
      await declare({ showViewerCount: false });
      await says(null);
      await second.shows('no number', () => document.querySelector('.viewers') === null);
      await declare({ showViewerCount: true });
      await says('2 viewers');
      await second.close();
      await viewer.assertUndisturbed();
    });

    it('has no barriers with all of it, and nothing is wider than the screen', async () => {
      await server.change(({ instance }) => {
        Object.assign(instance, { pageContent: CONTENT, nsfw: true });
        instance.externalActions = [
          site.action({ description: 'A form.' }),
          site.action({ title: 'Donate', openExternally: true, colour: '#7a7a7a' }),
          site.action({ title: 'A button with as many words on it as there can possibly be', colour: '#12345680' }),
        ];
      });
      for (const device of DEVICES) {
        const other = await Viewer.open(browser, server.page, device);
        await other.plays();
        assert.deepEqual(await other.barriers(), []);
        for (const width of [device.viewport.width, 390, 320]) {
          await other.page.setViewportSize({ width, height: 700 });
          assert.ok((await other.overhang()) <= 0, `wider than ${width}`);
        }
        // What is too wide for its box can be reached and scrolled by the keyboard.
        await other.page.locator('.content table[tabindex="0"]').waitFor();
        await other.page.locator('.content pre[tabindex="0"]').waitFor();
        assert.deepEqual(await other.barriers(), []);
        await other.page.getByRole('button', { name: 'Ask' }).click();
        await other.page.getByRole('dialog').waitFor();
        assert.deepEqual(await other.barriers(), []);
        await other.close();
      }
      await viewer.assertUndisturbed();
    });
  });
});

/** What a screen reader says about the button of this name besides its name. */
async function describedAs({ context, page }, name) {
  const session = await context.newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  await session.detach();
  return nodes.find((node) => node.role?.value === 'button' && node.name?.value === name)?.description?.value;
}
