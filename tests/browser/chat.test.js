// The chat of the page: two people who talk, questions, an engine that ends while somebody types, its room on the page,
// and the chat in frames and windows of its own. What the real server cannot be brought to do is tried before a stand-in
// (room.js): lines that break at the worst moment, and bodies that nobody sanitised.

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Room } from './room.js';
import { setUp } from './scene.js';
import { until } from './server.js';
import { Site } from './site.js';
import { field, hears, isOpen, join, log, said, say } from './talk.js';
import { DESKTOP, NOTHING, PHONE, Viewer } from './viewer.js';

/** In the page, before its own scripts: adds up what the browser calls layout shifts. */
function shifts() {
  window.__shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.__shift += entry.hadRecentInput ? 0 : entry.value;
  }).observe({ type: 'layout-shift', buffered: true });
}

describe('the chat', { timeout: 300_000 }, () => {
  const scene = setUp();

  it('lets two people talk, reply and be called by name', async () => {
    const [anna, ben] = [await join(scene), await join(scene, PHONE)];
    await say(anna.page, 'Is that the **ferry**?');
    await hears(ben.page, 'Is that the ferry?');
    assert.equal(await log(ben.page).locator('strong', { hasText: 'ferry' }).count(), 1);
    await ben.page.getByRole('button', { name: `Actions for the message of ${anna.name}` }).click();
    await ben.page.getByRole('button', { name: 'Reply' }).click();
    await ben.page.getByText(`Reply to ${anna.name}`).waitFor();
    await say(ben.page, `It is, @${anna.name.toLowerCase()}, see https://example.org/ferry`);
    await hears(anna.page, 'Is that the ferry?', `It is, @${anna.name.toLowerCase()}, see https://example.org/ferry`);
    await anna.page.locator('.line[data-mention="true"]').waitFor();
    assert.match(await anna.page.locator('.quoted').textContent(), new RegExp(`${anna.name}: Is that the ferry`));
    assert.match(await log(anna.page).getByRole('link').getAttribute('rel'), /noopener/);
    for (const viewer of [anna, ben]) {
      assert.deepEqual(await viewer.barriers(), []);
      assert.deepEqual(await viewer.complaintList(), NOTHING);
      assert.equal(await viewer.overhang(), 0);
    }
  });

  it('keeps name and colour for the next visit, and tells the others', async () => {
    const [viewer, other] = [await join(scene), await join(scene)];
    await viewer.page.getByRole('button', { name: /Change name and colour/ }).click();
    const dialog = viewer.page.getByRole('dialog', { name: 'You in the chat' });
    await dialog.getByLabel('Name').fill('  Mara   of the sea ');
    await dialog.getByRole('radio', { name: 'Colour 4' }).check();
    assert.deepEqual(await viewer.barriers(), []);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await viewer.page.getByRole('button', { name: /You are Mara of the sea/ }).waitFor();
    await log(other.page).getByText(`${viewer.name} is now known as Mara of the sea.`).waitFor();
    await viewer.page.reload();
    await viewer.page.getByRole('button', { name: /You are Mara of the sea/ }).waitFor();
    assert.equal(await viewer.page.locator('.who .author').getAttribute('data-colour'), '3');
  });

  it('is read by scripts that were made for Owncast', async () => {
    const [viewer, anna] = [await join(scene), await join(scene)];
    await viewer.page.evaluate(() => {
      window.__heard = [];
      const words = (line, part) => line.querySelector(part)?.textContent.trim();
      const read = (line) => window.__heard.push([words(line, '.message-author'), words(line, '.message-text')]);
      new MutationObserver((changes) => {
        for (const node of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
          if (node instanceof Element && node.matches('.chat-message_user')) read(node);
        }
      }).observe(document.querySelector('#chat-container'), { childList: true, subtree: true });
    });
    await say(anna.page, 'All **aboard**');
    await hears(viewer.page, 'All aboard');
    const heard = await viewer.page.evaluate(() => window.__heard);
    assert.deepEqual(heard.filter(([who]) => who === anna.name), [[anna.name, 'All aboard']]);
  });

  it('takes what is typed in a hurry, one after the other', async () => {
    const viewer = await join(scene);
    for (const text of ['one', 'two', 'three', 'four']) await say(viewer.page, text);
    await hears(viewer.page, 'one', 'two', 'three', 'four');
    assert.equal(await viewer.page.locator('.sending').count(), 0);
    await field(viewer.page).fill('ä'.repeat(1100));
    await viewer.page.getByText('Too long by 76 characters').waitFor();
    assert.equal(await viewer.page.getByRole('button', { name: 'Send', exact: true }).isDisabled(), true);
  });

  it('gathers questions, with votes, and shows them on stage', async () => {
    const [anna, ben] = [await join(scene), await join(scene)];
    const stage = await Viewer.open(scene.browser, `${scene.server.page}stage`, { viewport: { width: 1920, height: 1080 } });
    await stage.page.getByText('No questions yet').waitFor();
    await anna.page.getByLabel('Question', { exact: true }).check();
    await say(anna.page, 'How deep is it?');
    await ben.page.getByRole('tab', { name: /Questions/ }).click();
    await say(ben.page, 'Who steers?');
    const order = stage.page.locator('.stage-one .line-body');
    const isAsked = (...texts) => until(`${texts} on stage`, 10_000, async () => {
      const shown = (await order.allTextContents()).map((text) => text.trim());
      return JSON.stringify(shown) === JSON.stringify(texts);
    });
    await isAsked('How deep is it?', 'Who steers?');
    await anna.page.getByRole('tab', { name: 'Questions 2 open' }).click();
    await anna.page.locator('.asked').getByRole('button', { name: 'Vote for this question, 0 votes' }).last().click();
    await isAsked('Who steers?', 'How deep is it?');
    await ben.page.getByRole('button', { name: 'Vote for this question, 1 vote' }).waitFor();
    const own = () => anna.page.locator('.asked').getByRole('button', { name: 'Vote for this question, 1 vote' });
    assert.equal(await own().getAttribute('aria-pressed'), 'true');
    await anna.page.reload();
    await anna.page.getByRole('tab', { name: 'Questions 2 open' }).click();
    await until('her vote', 10_000, async () => (await own().getAttribute('aria-pressed')) === 'true');
    assert.deepEqual(await ben.barriers(), []);
    assert.deepEqual(await stage.barriers(), []);
    assert.equal(await stage.overhang(), 0);
    await anna.page.locator('.asked').getByRole('button', { name: 'Vote for this question, 1 vote' }).click();
    await isAsked('How deep is it?', 'Who steers?');
    await anna.page.getByRole('tab', { name: /^Questions/ }).focus();
    await anna.page.keyboard.press('ArrowLeft');
    await log(anna.page).waitFor();
  });

  it('has emoji, found by name and by arrows', async () => {
    const viewer = await join(scene);
    await viewer.page.getByRole('button', { name: 'Emoji' }).click();
    const picker = viewer.page.getByRole('dialog', { name: 'Emoji' });
    await picker.getByRole('button', { name: /^grinning face/ }).first().waitFor();
    await picker.getByRole('searchbox').fill('sailboat');
    await picker.getByRole('button', { name: /^sailboat/ }).waitFor();
    assert.deepEqual(await viewer.barriers(), []);
    await viewer.page.keyboard.press('ArrowDown');
    await viewer.page.keyboard.press('Enter');
    await viewer.page.keyboard.press('Escape');
    await picker.waitFor({ state: 'detached' });
    await viewer.page.keyboard.press('Enter');
    await hears(viewer.page, '⛵️');
    assert.deepEqual(await viewer.complaintList(), NOTHING);
  });

  it('is hidden, stays hidden, and comes back', async () => {
    const viewer = await join(scene, DESKTOP, shifts);
    await viewer.page.getByRole('button', { name: 'Hide chat' }).click();
    await viewer.page.locator('.chat').waitFor({ state: 'detached' });
    assert.equal(await viewer.page.evaluate(() => document.activeElement.textContent), 'Show chat');
    assert.deepEqual(await viewer.barriers(), []);
    await viewer.page.reload();
    const show = viewer.page.getByRole('button', { name: 'Show chat' });
    await show.waitFor();
    await until('the page', 5000, () => viewer.page.evaluate(() => document.documentElement.dataset.socket === 'open'));
    assert.equal(await viewer.page.locator('.chat').count(), 0);
    const shift = await viewer.page.evaluate(() => window.__shift);
    assert.ok(shift < 0.02, `the page moved by ${shift}`);
    await show.click();
    await isOpen(viewer.page);
    await viewer.page.reload();
    await isOpen(viewer.page);
  });

  it('goes into a window of its own', async () => {
    const viewer = await join(scene);
    const [window] = await Promise.all([viewer.context.waitForEvent('page'), viewer.page.getByRole('button', { name: 'Chat in a window of its own' }).click()]);
    await isOpen(window);
    await viewer.page.locator('.chat').waitFor({ state: 'detached' });
    await window.getByRole('button', { name: `You are ${viewer.name}` }).waitFor();
    await say(window, 'from my own window');
    await hears(window, 'from my own window');
    await viewer.page.reload();
    await isOpen(viewer.page);
    await hears(viewer.page, 'from my own window');
  });

  it('is shown by other sites, to read and to write, and by overlays with nothing behind it', async () => {
    const site = await Site.start();
    try {
      const frames = ['readonly', 'readwrite', 'readonly?transparent=1'];
      const holders = frames.map((kind) => `<iframe title="${kind}" src="${scene.server.page}embed/chat/${kind}" width="320" height="360"></iframe>`);
      site.content = holders.join('');
      const viewer = await Viewer.open(scene.browser, `${site.address}holds`);
      const frame = (kind) => viewer.page.frame({ url: `${scene.server.page}embed/chat/${kind}` });
      const [reads, writes, over] = await Promise.all(frames.map((kind) => until(kind, 5000, () => frame(kind))));
      for (const one of [reads, writes, over]) await isOpen(one);
      await say(writes, 'hello from elsewhere');
      for (const one of [reads, writes, over]) await hears(one, 'hello from elsewhere');
      assert.equal(await reads.getByRole('textbox').count() + (await over.getByRole('button').count()), 0);
      const behind = (one) => one.evaluate(() => ['html', 'body', '.alone'].map((all) => getComputedStyle(document.querySelector(all)).backgroundColor));
      assert.deepEqual(await behind(over), Array(3).fill('rgba(0, 0, 0, 0)'));
      assert.notEqual((await behind(reads)).at(-1), 'rgba(0, 0, 0, 0)');
      for (const one of [reads, writes, over]) {
        assert.deepEqual(await one.evaluate(() => window.__seen.violations), []);
        assert.equal(await one.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), 0);
      }
      // What is behind see-through words nobody can tell from within.
      assert.deepEqual(await viewer.barriers(['iframe[title$="transparent=1"]']), []);
      assert.match((await fetch(`${scene.server.page}embed/chat/readwrite`)).headers.get('content-security-policy'), /frame-ancestors \*;/);
      assert.equal((await fetch(`${scene.server.page}embed/chat`, { redirect: 'manual' })).headers.get('location'), '/embed/chat/readonly');
    } finally {
      await site.close();
    }
  });

  it('moves nothing when it comes, and the picture goes on', async () => {
    await scene.server.publish();
    for (const device of [DESKTOP, PHONE, { viewport: { width: 320, height: 640 } }, { viewport: { width: 3840, height: 2160 } }]) {
      const viewer = await Viewer.open(scene.browser, scene.server.page, device, shifts);
      await viewer.plays();
      await isOpen(viewer.page);
      await say(viewer.page, `from ${device.viewport.width} pixels`);
      await hears(viewer.page, `from ${device.viewport.width} pixels`);
      await viewer.playsOn(1);
      const shift = await viewer.page.evaluate(() => window.__shift);
      assert.ok(shift < 0.02, `the page moved by ${shift} at ${device.viewport.width}`);
      assert.equal(await viewer.overhang(), 0);
      assert.deepEqual(await viewer.barriers(), []);
      await viewer.assertUndisturbed(1);
      await viewer.close();
    }
  });

  it('says who joined, and nothing of those who only read along', async () => {
    if ((await scene.server.broadcast()) === null) await scene.server.publish();
    const anna = await join(scene);
    const alone = ['stage', 'embed/chat/readonly', 'moderate', 'admin'].map((path) => Viewer.open(scene.browser, `${scene.server.page}${path}`));
    const [stage, frame, ...others] = await Promise.all(alone);
    await stage.page.locator('.stage-one, .stage-none').filter({ hasNotText: 'One moment' }).first().waitFor();
    await isOpen(frame.page);
    for (const one of [stage, frame, ...others]) assert.equal(await one.page.evaluate(() => localStorage.getItem('nixcast-chat')), null);
    // Whoever came before him would be told of before him.
    const ben = await join(scene);
    await log(anna.page).getByText(`${ben.name} joined the chat.`).waitFor();
    const notes = await log(anna.page).getByText(/ joined\.$/).allTextContents();
    assert.deepEqual(notes.filter((note) => ![anna, ben].some(({ name }) => note.trim() === `${name} joined the chat.`)), []);
    await say(ben.page, 'for everybody');
    await hears(frame.page, 'for everybody');
  });

  it('names people in colours that can be read, whatever theme is declared and scheme preferred', async () => {
    for (const [theme, colorScheme] of [[['#10131f', '#1a2033'], 'light'], [['#f4f6fb', '#ffffff'], 'dark']]) {
      await scene.server.change(({ instance }) => ([instance.theme.background, instance.theme.surface] = theme));
      const people = await Promise.all([1, 2, 3, 4].map(() => join(scene, { ...DESKTOP, colorScheme })));
      for (const { page } of people) await say(page, `hello on ${theme[0]}`);
      await until('four lines', 10_000, async () => (await said(people[0].page)).filter((text) => text.endsWith(theme[0])).length === 4);
      assert.deepEqual(await people[0].barriers(), []);
      await Promise.all(people.map(({ page }) => page.context().close()));
    }
    await scene.server.change(({ instance }) => ([instance.theme.background, instance.theme.surface] = [null, null]));
  });

  it('loses nothing and doubles nothing while the engine is restarted', async () => {
    const [anna, ben] = [await join(scene), await join(scene)];
    await say(anna.page, 'before');
    await hears(ben.page, 'before');
    await field(anna.page).fill('half a sent');
    for (const signal of ['SIGTERM', 'SIGKILL']) {
      process.kill(await scene.server.enginePid(), signal);
      await until('the line to break', 10_000, () => ben.page.locator('.chat-room[data-state="lost"]').count());
      await say(ben.page, `through ${signal}`);
      await say(ben.page, `and on`);
      await hears(anna.page, `through ${signal}`, 'and on');
      await until('nothing on its way', 10_000, async () => (await ben.page.locator('.sending').count()) === 0);
    }
    for (const viewer of [anna, ben]) {
      assert.deepEqual((await said(viewer.page)).slice(-5), ['before', 'through SIGTERM', 'and on', 'through SIGKILL', 'and on']);
    }
    assert.equal(await field(anna.page).inputValue(), 'half a sent');
    await anna.page.reload();
    await isOpen(anna.page);
    assert.equal(await field(anna.page).inputValue(), 'half a sent', 'a reload loses nothing either');
  });
});

describe('the chat before a server that fails', { timeout: 300_000 }, () => {
  const scene = setUp();
  let room;
  beforeEach(() => {
    room = new Room();
  });

  const enter = () => join(scene, DESKTOP, null, (page) => room.serve(page));

  it('loses nothing and doubles nothing when a line breaks between taking and telling', async () => {
    const [anna, ben] = [await enter(), await enter()];
    await say(anna.page, 'one');
    await hears(ben.page, 'one');
    room.isSilent = true;
    await say(anna.page, 'two');
    await until('two to be taken', 5000, () => room.messages.length === 2);
    room.isSilent = false;
    room.isAway = true;
    room.drop();
    await anna.page.getByText('Reconnecting… what you write is kept.').waitFor();
    assert.deepEqual(await anna.barriers(), []);
    await say(anna.page, 'three');
    room.say('from elsewhere', { id: 'x', displayName: 'X', displayColor: 0, isBot: false });
    room.isAway = false;
    await until('all of it', 25_000, async () => (await said(ben.page)).length === 4 && (await said(anna.page)).length === 4);
    for (const viewer of [anna, ben]) await hears(viewer.page, 'one', 'two', 'from elsewhere', 'three');
    assert.equal(room.messages.length, 4);
    assert.equal(await anna.page.locator('.sending').count(), 0);
  });

  it('stays where a reader is, and says what has come', async () => {
    const viewer = await enter();
    for (let at = 0; at < 80; at++) room.say(`line ${at}`, { id: 'x', displayName: 'X', displayColor: at % 8, isBot: false });
    await log(viewer.page).getByText('line 79').waitFor();
    const place = () => log(viewer.page).evaluate(({ scrollTop }) => Math.round(scrollTop));
    assert.equal(await place(), 0, 'the newest line is in sight');
    await log(viewer.page).hover();
    await viewer.page.mouse.wheel(0, -600);
    await until('another place', 2000, async () => (await place()) < -100);
    room.say('news', { id: 'x', displayName: 'X', displayColor: 0, isBot: false });
    const button = viewer.page.getByRole('button', { name: '1 new message' });
    await button.waitFor();
    assert.deepEqual(await viewer.barriers(), []);
    await button.click();
    await button.waitFor({ state: 'detached' });
    assert.equal(await place(), 0);
  });

  it('is not impressed by hostile bodies', async () => {
    const viewer = await enter();
    const bodies = [
      '<script>window.__hurt=1</script>', '<img src=x onerror="window.__hurt=1">', '<svg onload="window.__hurt=1"></svg>',
      '<a href="javascript:window.__hurt=1">x</a>', '<iframe srcdoc="<script>parent.__hurt=1</script>"></iframe>',
      '<p onmouseover="window.__hurt=1" style="position:fixed;inset:0">x</p>', '<style>*{display:none}</style>',
      '<img src="https://a.example/track.png" alt="t">', '<math><mtext><script>window.__hurt=1</script></mtext></math>',
    ];
    for (const body of bodies) room.sayHtml(body);
    room.say('<b>done</b>', { id: 'x', displayName: '<img src=x onerror="window.__hurt=1">', displayColor: 0, isBot: false });
    await log(viewer.page).getByText('<b>done</b>').waitFor();
    assert.equal(await viewer.page.evaluate(() => window.__hurt), undefined);
    assert.equal(await log(viewer.page).locator('script, iframe, svg:not(.icon), style, math, [onerror], [onmouseover], [style], img').count(), 0);
    assert.deepEqual(await viewer.complaintList(), NOTHING);
  });
});
