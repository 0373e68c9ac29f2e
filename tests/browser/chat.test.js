// The chat of the page: two people who talk, a moderator, questions, lines that break; its room on the page, and what
// hostile messages are to it. The server of these tests is their own (room.js), so that it can fail at will.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { Room } from './room.js';
import { Server, until } from './server.js';
import { DESKTOP, launch, NOTHING, PHONE, Viewer } from './viewer.js';

describe('the chat', { timeout: 300_000 }, () => {
  let server;
  let browser;
  let room;
  before(async () => {
    server = await Server.start();
    // A page that a test has changed counts as one from far away, which may not speak to this machine.
    browser = await launch({ flags: ['--disable-features=LocalNetworkAccessChecks'] });
  });
  beforeEach(() => {
    room = new Room();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  async function join(device = DESKTOP, who = {}) {
    const viewer = await Viewer.open(browser, server.page, device, null, (page) => room.serve(page, who));
    await viewer.page.getByRole('textbox', { name: 'Your message' }).waitFor();
    await until('a line', 5000, () => viewer.page.locator('.chat-room[data-state="open"]').count());
    return viewer;
  }

  const field = (viewer) => viewer.page.getByRole('textbox', { name: /^Your (message|question)/ });
  const log = (viewer) => viewer.page.getByRole('log', { name: 'Messages' });
  const said = (viewer) => log(viewer).locator('.line-body').allTextContents();

  async function say(viewer, text) {
    await field(viewer).fill(text);
    await field(viewer).press('Enter');
  }

  async function hears(viewer, ...texts) {
    await until(`to hear ${texts}`, 5000, async () => JSON.stringify((await said(viewer)).map((one) => one.trim())) === JSON.stringify(texts));
  }

  it('lets two people talk, reply and be called by name', async () => {
    const [anna, ben] = [await join(), await join(PHONE)];
    await say(anna, 'Is that the ferry?');
    await hears(ben, 'Is that the ferry?');
    await ben.page.getByRole('button', { name: 'Actions for the message of Guest 1' }).click();
    await ben.page.getByRole('button', { name: 'Reply' }).click();
    await ben.page.getByText('Reply to Guest 1').waitFor();
    await say(ben, 'It is, @guest 1');
    await hears(anna, 'Is that the ferry?', 'It is, @guest 1');
    await anna.page.locator('.line[data-mention="true"]').waitFor();
    assert.match(await anna.page.locator('.quoted').textContent(), /Guest 1: Is that the ferry\?/);
    for (const viewer of [anna, ben]) {
      assert.deepEqual(await viewer.barriers(), []);
      assert.deepEqual(await viewer.complaintList(), NOTHING);
      assert.equal(await viewer.overhang(), 0);
    }
  });

  it('keeps name and colour for the next visit', async () => {
    const viewer = await join();
    await viewer.page.getByRole('button', { name: /Change name and colour/ }).click();
    const dialog = viewer.page.getByRole('dialog', { name: 'You in the chat' });
    await dialog.getByLabel('Name').fill('  Mara   of the sea ');
    await dialog.getByRole('radio', { name: 'Colour 4' }).check();
    assert.deepEqual(await viewer.barriers(), []);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await viewer.page.getByRole('button', { name: /You are Mara of the sea/ }).waitFor();
    assert.equal(room.users.get('token-user1').displayColor, 3);
    await viewer.page.reload();
    await viewer.page.getByRole('button', { name: /You are Mara of the sea/ }).waitFor();
    assert.equal(room.users.size, 1, 'nobody new has come');
  });

  it('loses nothing and doubles nothing when lines break and the server is away', async () => {
    const [anna, ben] = [await join(), await join()];
    await say(anna, 'one');
    await hears(ben, 'one');
    // Taken, and the line breaks before anybody is told.
    room.isSilent = true;
    await say(anna, 'two');
    await until('two to be taken', 5000, () => room.messages.length === 2);
    room.isSilent = false;
    room.isAway = true;
    room.drop();
    await anna.page.getByText('Reconnecting… what you write is kept.').waitFor();
    assert.deepEqual(await anna.barriers(), []);
    await say(anna, 'three');
    await field(anna).fill('half a sent');
    room.say('from elsewhere', { id: 'x', displayName: 'X', displayColor: 0, isBot: false });
    room.isAway = false;
    await until('all of it', 25_000, async () => (await said(ben)).length === 4 && (await said(anna)).length === 4);
    await hears(anna, 'one', 'two', 'from elsewhere', 'three');
    await hears(ben, 'one', 'two', 'from elsewhere', 'three');
    assert.equal(room.messages.length, 4);
    assert.equal(await field(anna).inputValue(), 'half a sent');
    assert.equal(await anna.page.locator('.sending').count(), 0);
    await anna.page.reload();
    await field(anna).waitFor();
    assert.equal(await field(anna).inputValue(), 'half a sent', 'a reload loses nothing either');
  });

  it('says why a message was refused, and sends it again on request', async () => {
    const viewer = await join();
    room.refusal = 'You are sending too fast.';
    await say(viewer, 'hurry');
    await viewer.page.getByRole('alert').getByText('You are sending too fast.').waitFor();
    assert.deepEqual(await viewer.barriers(), []);
    room.refusal = null;
    await viewer.page.getByRole('button', { name: 'Send again' }).click();
    await hears(viewer, 'hurry');
    assert.equal(await viewer.page.locator('.sending').count(), 0);
    await field(viewer).fill('ä'.repeat(1100));
    await viewer.page.getByText('Too long by 152 bytes').waitFor();
    assert.equal(await viewer.page.getByRole('button', { name: 'Send', exact: true }).isDisabled(), true);
  });

  it('counts slow mode down', async () => {
    room.settings = { ...room.settings, slowModeSeconds: 3 };
    const viewer = await join();
    await say(viewer, 'first');
    await viewer.page.getByText(/Slow mode: [123] s/).waitFor();
    await say(viewer, 'second');
    await hears(viewer, 'first');
    await viewer.page.getByText(/Slow mode/).waitFor({ state: 'detached', timeout: 8000 });
    await field(viewer).press('Enter');
    await hears(viewer, 'first', 'second');
  });

  it('gathers questions, with votes', async () => {
    const [anna, ben] = [await join(), await join()];
    await anna.page.getByLabel('Question', { exact: true }).check();
    await say(anna, 'How deep is it?');
    await ben.page.getByRole('tab', { name: /Questions/ }).click();
    await ben.page.getByRole('button', { name: 'Vote for this question, 0 votes' }).click();
    await ben.page.getByRole('button', { name: 'Vote for this question, 1 vote' }).waitFor();
    assert.deepEqual(await ben.barriers(), []);
    await say(ben, 'Who steers?');
    await until('two questions', 5000, () => room.messages.filter(({ question }) => question).length === 2);
    await anna.page.getByRole('tab', { name: 'Questions 2 open' }).click();
    const order = anna.page.locator('.asked .line-body');
    assert.deepEqual((await order.allTextContents()).map((text) => text.trim()), ['How deep is it?', 'Who steers?']);
    await anna.page.keyboard.press('ArrowLeft');
    await log(anna).waitFor();
    await ben.page.getByRole('button', { name: 'Vote for this question, 1 vote' }).click();
    await ben.page.getByRole('button', { name: 'Vote for this question, 0 votes' }).first().waitFor();
  });

  it('lets a moderator hide, show, pause, remove and ban', async () => {
    const [anna, boss] = [await join(), await join(DESKTOP, { isModerator: true })];
    await say(anna, 'buy my boat');
    await hears(boss, 'buy my boat');
    await boss.page.getByRole('button', { name: 'Actions for the message of Guest 1' }).click();
    assert.deepEqual(await boss.barriers(), []);
    await boss.page.getByRole('button', { name: 'Hide' }).click();
    await hears(anna);
    await boss.page.locator('.line[data-hidden="true"]').waitFor();
    await boss.page.getByRole('button', { name: 'Show again' }).click();
    await hears(anna, 'buy my boat');
    await boss.page.getByRole('button', { name: 'Pause for 10 minutes' }).click();
    await boss.page.getByRole('button', { name: 'Remove all of theirs' }).click();
    await boss.page.getByRole('button', { name: 'Ban' }).click();
    await until('the deeds', 5000, () => room.deeds.length === 5);
    assert.deepEqual(room.deeds.slice(2), [
      { path: '/api/chat/users/timeout', body: { userId: 'user1', seconds: 600 } },
      { path: '/api/chat/users/removeall', body: { userId: 'user1' } },
      { path: '/api/chat/users/setenabled', body: { userId: 'user1', enabled: false } },
    ]);
    await boss.page.getByText('Done.').waitFor();
    await anna.page.getByRole('button', { name: 'Actions for the message of Guest 1' }).click();
    assert.equal(await anna.page.getByRole('button', { name: 'Hide' }).count(), 0);
  });

  it('stays where a reader is, and says what has come', async () => {
    const viewer = await join();
    for (let at = 0; at < 80; at++) room.say(`line ${at}`, { id: 'x', displayName: 'X', displayColor: at % 8, isBot: false });
    await log(viewer).getByText('line 79').waitFor();
    const place = () => log(viewer).evaluate(({ scrollTop }) => Math.round(scrollTop));
    assert.equal(await place(), 0, 'the newest line is in sight');
    await log(viewer).hover();
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

  it('has emoji, found by name and by arrows', async () => {
    const viewer = await join();
    await viewer.page.getByRole('button', { name: 'Emoji' }).click();
    const picker = viewer.page.getByRole('dialog', { name: 'Emoji' });
    await picker.getByRole('button', { name: 'anchor', exact: true }).waitFor();
    assert.equal(await picker.getByRole('button', { name: 'bad', exact: true }).count(), 0, 'pictures come from this server alone');
    assert.deepEqual(await viewer.barriers(), []);
    await picker.getByRole('searchbox').fill('sailboat');
    await viewer.page.keyboard.press('ArrowDown');
    await viewer.page.keyboard.press('Enter');
    await viewer.page.keyboard.press('Escape');
    await picker.waitFor({ state: 'detached' });
    await viewer.page.keyboard.press('Enter');
    await hears(viewer, '⛵️');
    assert.deepEqual(await viewer.complaintList(), NOTHING);
  });

  it('is not impressed by hostile bodies', async () => {
    const viewer = await join();
    const bodies = [
      '<script>window.__hurt=1</script>', '<img src=x onerror="window.__hurt=1">', '<svg onload="window.__hurt=1"></svg>',
      '<a href="javascript:window.__hurt=1">x</a>', '<iframe srcdoc="<script>parent.__hurt=1</script>"></iframe>',
      '<p onmouseover="window.__hurt=1" style="position:fixed;inset:0">x</p>', '<style>*{display:none}</style>',
      '<img src="https://a.example/track.png" alt="t">', '<math><mtext><script>window.__hurt=1</script></mtext></math>',
    ];
    for (const body of bodies) room.sayHtml(body);
    room.say('<b>done</b>', { id: 'x', displayName: '<img src=x onerror="window.__hurt=1">', displayColor: 0, isBot: false });
    await log(viewer).getByText('<b>done</b>').waitFor();
    assert.equal(await viewer.page.evaluate(() => window.__hurt), undefined);
    assert.equal(await log(viewer).locator('script, iframe, svg:not(.icon), style, math, [onerror], [onmouseover], [style], img').count(), 0);
    assert.deepEqual(await viewer.complaintList(), NOTHING);
  });

  it('goes away and comes back with the settings', async () => {
    const viewer = await join();
    room.settings = null;
    await server.change(({ instance }) => (instance.summary = 'No chat today.'));
    await viewer.page.locator('.chat').waitFor({ state: 'detached' });
    assert.equal(room.lines.size, 0);
    room.settings = { questions: false, slowModeSeconds: 0, maxMessageBytes: 100 };
    await server.change(({ instance }) => (instance.summary = 'Ships coming and going, live.'));
    await field(viewer).waitFor();
    assert.equal(await viewer.page.getByRole('tab').count(), 0);
    assert.deepEqual(await viewer.barriers(), []);
  });

  it('moves nothing when it comes, and is fetched beside the player', async () => {
    await server.publish();
    for (const device of [DESKTOP, PHONE, { viewport: { width: 320, height: 640 } }, { viewport: { width: 3840, height: 2160 } }]) {
      const shifts = () => {
        window.__shift = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) window.__shift += entry.hadRecentInput ? 0 : entry.value;
        }).observe({ type: 'layout-shift', buffered: true });
      };
      const viewer = await Viewer.open(browser, server.page, device, shifts, (page) => room.serve(page));
      await viewer.plays();
      await until('the chat', 5000, () => viewer.page.locator('.chat-room[data-state="open"]').count());
      for (let at = 0; at < 30; at++) room.say(`line ${at}`, { id: 'x', displayName: 'X', displayColor: at % 8, isBot: false });
      await viewer.playsOn(1);
      const shift = await viewer.page.evaluate(() => window.__shift);
      assert.ok(shift < 0.02, `the page moved by ${shift} at ${device.viewport.width}`);
      assert.equal(await viewer.overhang(), 0);
      assert.deepEqual(await viewer.barriers(), []);
      await viewer.assertUndisturbed(1);
      await viewer.close();
    }
  });
});
