// What the operator declares about the chat while people are in it, and what the page makes of it.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join as joined } from 'node:path';
import { describe, it } from 'node:test';
import { Room } from './room.js';
import { setUp } from './scene.js';
import { until } from './server.js';
import { field, hears, isOpen, join, log, said, say } from './talk.js';
import { DESKTOP, NOTHING, PHONE, Viewer } from './viewer.js';

/** A picture that is `width` pixels wide. */
const svg = (width) => `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="32"><rect width="100%" height="32" fill="teal"/></svg>`;

describe('the declared chat', { timeout: 300_000 }, () => {
  let asAdmin;
  const scene = setUp({ prepare: async (server) => (asAdmin = await server.declareAdmin()) });

  const declare = (options) => scene.server.change(({ chat }) => Object.assign(chat, options));
  const isUndisturbed = async (...viewers) => {
    for (const viewer of viewers) {
      assert.deepEqual(await viewer.barriers(), []);
      assert.deepEqual(await viewer.complaintList(), NOTHING);
      assert.equal(await viewer.overhang(), 0);
    }
  };

  it('offers the emoji of a folder, and shows them as pictures to everybody', async () => {
    const emojiFolder = joined(scene.server.folder, 'emoji');
    const write = (name, width) => writeFile(joined(emojiFolder, `${name}.svg`), svg(width));
    await mkdir(emojiFolder);
    await Promise.all([write('wave', 32), write('+1', 48)]);
    await declare({ emojiFolder });
    const [anna, ben] = [await join(scene), await join(scene, PHONE)];
    const open = anna.page.getByRole('button', { name: 'Emoji', exact: true });
    const picker = anna.page.getByRole('dialog', { name: 'Emoji' });
    const own = picker.getByRole('region', { name: 'This stream' });
    /** How wide the pictures are that have come. */
    const widths = (pictures) => pictures.evaluateAll((all) => all.filter(({ complete }) => complete).map(({ naturalWidth }) => naturalWidth));
    await open.click();
    await until('both pictures', 10_000, async () => JSON.stringify(await widths(own.getByRole('button').locator('img'))) === '[48,32]');
    await own.getByRole('button', { name: 'wave' }).click();
    await own.getByRole('button', { name: '+1' }).click();
    assert.equal(await field(anna.page).inputValue(), ':wave::+1:');
    await field(anna.page).press('Enter');
    for (const { page } of [anna, ben]) {
      const shown = log(page).locator('.line').last().locator('img.emoji');
      await until('the message', 10_000, async () => JSON.stringify(await widths(shown)) === '[32,48]');
      assert.deepEqual(await shown.evaluateAll((all) => all.map(({ alt }) => alt)), [':wave:', ':+1:']);
    }
    await isUndisturbed(anna, ben);
    // One more file, while people are there.
    await write('party', 64);
    await until('to be offered', 20_000, async () => (await (await fetch(`${scene.server.page}api/emoji`)).json()).length === 3);
    await open.click();
    await own.getByRole('button', { name: 'party' }).waitFor();
  });

  it('welcomes whoever opens the page, and nobody who only lost the line', async () => {
    await declare({ welcomeMessage: 'Welcome **aboard**' });
    const [anna, ben] = [await join(scene), await join(scene, PHONE)];
    const welcome = ({ page }) => log(page).getByText('Welcome aboard');
    for (const viewer of [anna, ben]) {
      await welcome(viewer).waitFor();
      assert.equal(await welcome(viewer).locator('strong').textContent(), 'aboard');
    }
    await isUndisturbed(anna, ben);
    process.kill(await scene.server.enginePid(), 'SIGTERM');
    await until('the line to break', 10_000, () => anna.page.locator('.chat-room[data-state="lost"]').count());
    await isOpen(anna.page);
    await say(anna.page, 'here again');
    await hears(anna.page, 'here again');
    assert.equal(await welcome(anna).count(), 1);
    // A page that is loaded again is empty at first, and so is another tab.
    await anna.page.reload();
    await welcome(anna).waitFor();
    const tab = await anna.context.newPage();
    await tab.goto(scene.server.page);
    await welcome({ page: tab }).waitFor();
    await declare({ welcomeMessage: '' });
    const carla = await join(scene);
    await hears(carla.page, 'here again');
    assert.equal(await welcome(carla).count(), 0);
  });

  it('shows newcomers as many messages as are declared, however young they are', async () => {
    const anna = await join(scene);
    for (const text of ['one', 'two', 'three']) await say(anna.page, text);
    await hears(anna.page, 'one', 'two', 'three');
    await declare({ historyMessages: 2 });
    const [ben, overlay] = [await join(scene), await Viewer.open(scene.browser, `${scene.server.page}embed/chat/readonly`)];
    await isOpen(overlay.page);
    for (const { page } of [ben, overlay]) {
      await hears(page, 'two', 'three');
      assert.equal((await said(page)).length, 2);
    }
    await declare({ historyMessages: 50 });
  });

  it('counts by the clock of the server where the one of the viewer is hours away', async () => {
    await declare({ slowModeSeconds: 60 });
    for (const hours of [-5, 5]) {
      const setBack = `(() => {
        const { Date: Right } = window;
        const now = () => Right.now() + ${hours} * 3_600_000;
        window.Date = class extends Right {
          constructor(...of) { super(...(of.length > 0 ? of : [now()])); }
          static now() { return now(); }
        };
      })()`;
      const viewer = await join(scene, DESKTOP, setBack);
      await say(viewer.page, `it is ${hours} o'clock`);
      const pause = viewer.page.getByText(/^Slow mode: [1-5]\d s$/);
      await pause.waitFor();
      await viewer.page.reload();
      await pause.waitFor();
    }
    await declare({ slowModeSeconds: 0 });
  });

  it('says that it is closed after the stream, to whoever is there and whoever comes', async () => {
    const room = new Room();
    const anna = await join(scene, DESKTOP, null, (page) => room.serve(page));
    await field(anna.page).fill('anybody here?');
    room.setOpen(false);
    const state = ({ page }) => page.locator('.chat-state').getByText('The chat is closed because the stream is over. It opens with the next one.');
    await state(anna).waitFor();
    assert.equal(await anna.page.getByRole('button', { name: 'Send', exact: true }).isDisabled(), true);
    await isUndisturbed(anna);
    const ben = await join(scene, PHONE, null, (page) => room.serve(page));
    await state(ben).waitFor();
    await log(ben.page).getByText('It opens with the next stream.').waitFor();
    await isUndisturbed(ben);
    room.setOpen(true);
    await state(ben).waitFor({ state: 'detached' });
    await field(anna.page).press('Enter');
    await hears(ben.page, 'anybody here?');
  });

  it('slows people down between two messages, says for how long, and keeps what they wrote', async () => {
    const [anna, ben] = [await join(scene), await join(scene)];
    await say(anna.page, 'first');
    await hears(ben.page, 'first');
    await declare({ slowModeSeconds: 60 });
    await log(ben.page).getByText('Slow mode is on: one message each 60 seconds.').waitFor();
    await anna.page.getByText(/^Slow mode: [1-5]\d s$/).waitFor();
    await say(anna.page, 'second');
    await anna.page.getByRole('alert').getByText(/^Slow mode is on. You can send this in [1-5]\d seconds\.$/).waitFor();
    assert.equal(await field(anna.page).inputValue(), 'second', 'the text stays');
    await isUndisturbed(anna);
    // Who has said nothing yet need not wait.
    await say(ben.page, 'my first');
    await hears(anna.page, 'first', 'Slow mode is on: one message each 60 seconds.', 'my first');
    await declare({ slowModeSeconds: 0 });
    await anna.page.getByText(/Slow mode: /).waitFor({ state: 'detached' });
    await field(anna.page).press('Enter');
    await hears(ben.page, 'Slow mode is off.', 'second');
    assert.equal(await field(anna.page).inputValue(), '');
  });

  it('lets those in who have been here for a while, and others once that is over', async () => {
    const [anna, ben] = [await join(scene), await join(scene)];
    await declare({ establishedUsersOnly: true, establishedAfterMinutes: 10 });
    await log(anna.page).getByText('Only those can take part who have been here for 10 minutes.').waitFor();
    await say(anna.page, 'too early');
    await anna.page.getByRole('alert').getByText(/been here for a while can take part right now. You can in (9|10) minutes\.$/).waitFor();
    await isUndisturbed(anna);
    await declare({ establishedUsersOnly: false });
    await anna.page.getByRole('button', { name: 'Send again' }).click();
    await hears(ben.page, 'Everybody can take part.', 'too early');
    assert.equal(await anna.page.locator('.sending').count(), 0);
  });

  it('measures messages by the length that is declared', async () => {
    const anna = await join(scene);
    await field(anna.page).fill('x'.repeat(120));
    await declare({ maxMessageBytes: 100 });
    await anna.page.getByText('Too long by 20 characters').waitFor();
    await field(anna.page).press('Enter');
    assert.equal(await anna.page.getByRole('button', { name: 'Send', exact: true }).isDisabled(), true);
    await isUndisturbed(anna);
    await field(anna.page).fill('x'.repeat(90));
    await anna.page.getByText('10 left').waitFor();
    await field(anna.page).fill('x'.repeat(120));
    await declare({ maxMessageBytes: 2048 });
    await field(anna.page).press('Enter');
    await hears(anna.page, 'x'.repeat(120));
  });

  it('keeps names from being taken that the operator forbids', async () => {
    const anna = await join(scene);
    const take = async (name) => {
      await anna.page.getByRole('button', { name: /Change name and colour/ }).click();
      await anna.page.getByRole('dialog').getByLabel('Name').fill(name);
      await anna.page.getByRole('button', { name: 'Save' }).click();
    };
    await declare({ forbiddenNames: ['harbour master'] });
    await take('Hаrbour Master');
    await log(anna.page).getByText('The name is not allowed here.').waitFor();
    await anna.page.getByRole('button', { name: `You are ${anna.name}` }).waitFor();
    await declare({ forbiddenNames: [] });
    await take('Harbour Master');
    await anna.page.getByRole('button', { name: 'You are Harbour Master' }).waitFor();
    await isUndisturbed(anna);
  });

  it('has replies to a question, which say what they are about', async () => {
    const [anna, ben] = [await join(scene), await join(scene, PHONE)];
    await anna.page.getByLabel('Question', { exact: true }).check();
    await say(anna.page, 'How deep is it?');
    await ben.page.getByRole('tab', { name: /^Questions 1/ }).click();
    await ben.page.locator('.asked').getByRole('button', { name: `Actions for the message of ${anna.name}` }).click();
    await ben.page.locator('.asked').getByRole('button', { name: 'Reply' }).click();
    await say(ben.page, 'Nine metres.');
    await hears(anna.page, 'How deep is it?', 'Nine metres.');
    const answer = log(anna.page).locator('.line').last();
    assert.match(await answer.locator('.quoted').textContent(), new RegExp(`In reply to ${anna.name}: How deep is it\\?`));
    assert.equal(await ben.page.locator('.replying').count(), 0);
    assert.equal(await anna.page.locator('.asked .line').count(), 1, 'an answer is no question');
    await isUndisturbed(anna, ben);
    await declare({ questions: false, historyMessages: 0 });
    for (const { page } of [anna, ben]) await page.getByRole('tab').first().waitFor({ state: 'detached' });
    await isUndisturbed(anna, ben);
    // Who comes now learns of the questions when they are on again.
    const [carla, stage] = [await join(scene), await Viewer.open(scene.browser, `${scene.server.page}stage`)];
    await stage.page.getByText('There are no questions here').waitFor();
    await declare({ questions: true, historyMessages: 50 });
    for (const { page } of [anna, carla]) await page.getByRole('tab', { name: /^Questions 1/ }).waitFor();
    await stage.page.getByText('How deep is it?').waitFor();
  });

  it('goes off and on while somebody watches, and remembers what was said', async () => {
    await scene.server.publish();
    const viewer = await join(scene);
    const alone = await Viewer.open(scene.browser, `${scene.server.page}embed/chat/readwrite`, PHONE);
    await isOpen(alone.page);
    await viewer.plays();
    await say(viewer.page, 'said before');
    await hears(alone.page, 'said before');
    await field(viewer.page).fill('half a sent');
    await declare({ enable: false });
    await viewer.page.locator('.chat').waitFor({ state: 'detached' });
    await alone.page.getByText('The chat is closed.').waitFor();
    await isUndisturbed(viewer);
    assert.deepEqual(await alone.barriers(), []);
    await viewer.assertUndisturbed(2);
    await declare({ enable: true });
    for (const { page } of [viewer, alone]) {
      await isOpen(page);
      await log(page).getByText('said before', { exact: true }).waitFor();
    }
    assert.equal(await field(viewer.page).inputValue(), 'half a sent');
    await viewer.assertUndisturbed(2);
  });

  it('shows a title as soon as it is set, in the page and in its tab', async () => {
    const viewer = await Viewer.open(scene.browser, scene.server.page, DESKTOP);
    await viewer.plays();
    const title = 'Tide tables, read <aloud>';
    await asAdmin('config/streamtitle', { value: title });
    await viewer.page.locator('.stream-title').getByText(title, { exact: true }).waitFor();
    assert.equal(await viewer.page.title(), `${title} · Harbour`);
    await isUndisturbed(viewer);
    const shell = await (await fetch(scene.server.page)).text();
    assert.ok(shell.includes('<title>Tide tables, read &lt;aloud&gt; · Harbour</title>'), shell.slice(0, 500));
    await asAdmin('config/streamtitle', { value: '' });
    await viewer.page.locator('.stream-title').waitFor({ state: 'detached' });
    assert.equal(await viewer.page.title(), 'Harbour');
    await viewer.assertUndisturbed(1);
  });
});
