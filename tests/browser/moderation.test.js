// Moderators at work: two people who talk, and one who keeps order, in the moderators' view on a desktop and on a phone and
// in the viewers' own page. Everything before the real server.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join as joined } from 'node:path';
import { describe, it } from 'node:test';
import { setUp } from './scene.js';
import { until } from './server.js';
import { field, isOpen, join, log, say } from './talk.js';
import { DESKTOP, NOTHING, PHONE, Viewer } from './viewer.js';

describe('moderation', { timeout: 300_000 }, () => {
  let asAdmin;
  const scene = setUp({ prepare: async (server) => (asAdmin = await server.declareAdmin()) });

  /** Somebody whom the operator has made a moderator, at work. */
  async function moderator(device = { ...DESKTOP, viewport: { width: 1440, height: 900 } }) {
    const viewer = await join(scene, device);
    await asAdmin('chat/users/setmoderator', { userId: viewer.id, isModerator: true });
    await viewer.page.goto(`${scene.server.page}moderate`);
    await viewer.page.getByRole('button', { name: 'Sign out' }).waitFor();
    return viewer;
  }

  async function isSaid(viewer, text) {
    await say(viewer.page, text);
    await log(viewer.page).getByText(text, { exact: true }).waitFor();
  }

  const row = (boss, text) => boss.page.getByRole('list', { name: 'Messages' }).getByRole('listitem').filter({ hasText: text });
  const rows = (boss) => boss.page.getByRole('list', { name: 'Messages' }).getByRole('listitem').locator('.line-body').allTextContents();
  const goesTo = (boss, tab) => boss.page.getByRole('tab', { name: tab }).click();
  const isGone = (viewer, text) => log(viewer.page).getByText(text, { exact: true }).waitFor({ state: 'detached' });

  it('opens for whoever is made a moderator, while they wait', async () => {
    const viewer = await join(scene);
    await viewer.page.goto(`${scene.server.page}moderate`);
    await viewer.page.getByText(`You are ${viewer.name} here, and no moderator.`).waitFor();
    assert.deepEqual(await viewer.barriers(), []);
    await asAdmin('chat/users/setmoderator', { userId: viewer.id, isModerator: true });
    await viewer.page.getByRole('list', { name: 'Messages' }).waitFor();
    assert.deepEqual(await viewer.barriers(), []);
    await asAdmin('chat/users/setmoderator', { userId: viewer.id, isModerator: false });
    await viewer.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  it('hides and restores, pauses, removes and bans, and everybody sees it', async () => {
    const [anna, ben, boss] = [await join(scene), await join(scene, PHONE), await moderator()];
    await isSaid(anna, 'buy my boat');
    await isSaid(ben, 'no thanks');
    await row(boss, 'buy my boat').getByRole('button', { name: `Hide the message of ${anna.name}` }).click();
    await Promise.all([anna, ben].map((viewer) => isGone(viewer, 'buy my boat')));
    const hidden = row(boss, 'buy my boat');
    await hidden.getByText(`Hidden by ${boss.name}`).waitFor();
    assert.deepEqual(await boss.barriers(), []);
    await hidden.getByRole('button', { name: /^Show the message/ }).click();
    await log(ben.page).getByText('buy my boat').waitFor();

    await hidden.getByRole('button', { name: `More about ${anna.name}` }).click();
    assert.deepEqual(await boss.barriers(), []);
    await hidden.getByRole('button', { name: 'Time out for 10 minutes' }).click();
    await boss.page.getByText('Done.').waitFor();
    await field(anna.page).fill('let me speak');
    await field(anna.page).press('Enter');
    await anna.page.locator('.refusal').waitFor();
    await hidden.getByRole('button', { name: 'Lift time-out' }).click();
    await until('to be heard again', 10_000, async () => {
      await anna.page.getByRole('button', { name: 'Send again' }).click({ timeout: 1000 }).catch(() => undefined);
      return (await log(ben.page).getByText('let me speak').count()) === 1;
    });

    await hidden.getByRole('button', { name: 'Remove all of theirs' }).click();
    await Promise.all(['buy my boat', 'let me speak'].map((text) => isGone(ben, text)));
    await hidden.getByRole('button', { name: 'Ban', exact: true }).click();
    await anna.page.getByText('You cannot take part in this chat.').waitFor();
    assert.deepEqual(await anna.barriers(), []);
    await goesTo(boss, 'Bans');
    await boss.page.getByRole('button', { name: `Lift the ban of ${anna.name}` }).click();
    await boss.page.getByText('Nobody is banned.').waitFor();
    await anna.page.reload();
    await isOpen(anna.page);

    await goesTo(boss, 'Log');
    const deeds = boss.page.getByRole('list', { name: 'What moderators did' });
    for (const deed of [`banned "${anna.name}"`, `removed all messages of "${anna.name}"`, `timed "${anna.name}" out for 600 seconds`]) {
      await deeds.getByText(`${boss.name} ${deed}`).first().waitFor();
    }
    assert.deepEqual(await boss.barriers(), []);
    assert.deepEqual(await boss.complaintList(), NOTHING);
  });

  it('finds what was said as somebody types, also what comes meanwhile', async () => {
    const [anna, ben, boss] = [await join(scene), await join(scene), await moderator()];
    await isSaid(anna, 'tide tables are wrong');
    await isSaid(ben, 'the tide is fine');
    await isSaid(ben, 'cake at three');
    const search = boss.page.getByRole('searchbox', { name: 'Search messages' });
    await search.pressSequentially('TIDE', { delay: 30 });
    await until('both', 10_000, async () => JSON.stringify(await rows(boss)) === JSON.stringify(['the tide is fine', 'tide tables are wrong']));
    await isSaid(anna, 'high tide at nine');
    await isSaid(anna, 'and now bread');
    await until('the third', 10_000, async () => (await rows(boss)).length === 3);
    assert.equal(await row(boss, 'and now bread').count(), 0);
    await search.fill('xyzzy');
    await boss.page.getByText('Nothing like that.').waitFor();
    await search.fill('');
    await row(boss, 'cake at three').getByRole('button', { name: `More about ${ben.name}` }).click();
    await boss.page.getByRole('button', { name: 'Only theirs' }).click();
    await until('theirs alone', 10_000, async () => JSON.stringify((await rows(boss)).slice(0, 2)) === JSON.stringify(['cake at three', 'the tide is fine']));
    assert.equal(await row(boss, 'high tide').count(), 0);
    await boss.page.getByRole('button', { name: 'Everybody' }).click();
    await row(boss, 'high tide').waitFor();
  });

  it('shows people with their connections, and what is theirs to do', async () => {
    const [anna, boss] = [await join(scene), await moderator()];
    const twice = await anna.context.newPage();
    await twice.goto(`${scene.server.page}embed/chat/readwrite`);
    await boss.page.getByRole('searchbox', { name: 'Search people' }).fill(anna.name);
    const person = boss.page.getByRole('list', { name: 'People' }).getByRole('listitem').filter({ hasText: anna.name });
    await person.getByText('Here, 2 connections').waitFor({ timeout: 20_000 });
    await person.getByRole('button', { name: `More about ${anna.name}` }).click();
    assert.deepEqual(await boss.barriers(), []);
    await person.getByRole('button', { name: 'Make moderator' }).click();
    await boss.page.getByText('Only moderators whom the operator has declared can appoint others.').waitFor();
    await person.getByRole('button', { name: 'Time out for 1 minute', exact: true }).click();
    await person.getByText(/Timed out, \d+ s left/).waitFor();
    await person.getByRole('button', { name: 'Lift time-out' }).click();
    await person.getByText(/Here/).waitFor();
  });

  it('bans networks, and lifts the ban', async () => {
    const boss = await moderator();
    await goesTo(boss, 'Bans');
    const network = boss.page.getByLabel('Address or network');
    await network.fill('nowhere');
    await boss.page.getByRole('button', { name: 'Ban', exact: true }).click();
    await until('a reason', 5000, async () => !['', 'Done.'].includes((await boss.page.locator('.desk-told').textContent()).trim()));
    assert.equal(await network.inputValue(), 'nowhere', 'what was typed can be mended');
    await network.fill('192.0.2.0/24');
    await boss.page.getByLabel('Reason').fill('a flood of boats');
    await network.press('Enter');
    const list = boss.page.getByRole('list', { name: 'Bans' });
    await list.getByText('192.0.2.0/24').waitFor();
    await list.getByText('a flood of boats').waitFor();
    assert.deepEqual(await boss.barriers(), []);
    await boss.page.getByRole('button', { name: 'Lift the ban of 192.0.2.0/24' }).click();
    await list.getByText('192.0.2.0/24').waitFor({ state: 'detached' });
    // Whoever opens a page where the network is banned is told so, and finds out by themselves that it is not any more.
    const overlay = await Viewer.open(scene.browser, `${scene.server.page}embed/chat/readonly`, PHONE);
    await isOpen(overlay.page);
    await asAdmin('chat/users/ipbans/create', { value: '127.0.0.1' });
    const late = await Viewer.open(scene.browser, scene.server.page, PHONE, 'window.setTimeout = ((set) => (then, wait) => set(then, wait >= 30_000 && wait <= 60_000 ? 500 : wait))(setTimeout)');
    for (const { page } of [overlay, late, boss]) await page.getByText('You cannot take part in this chat.').waitFor();
    assert.deepEqual(await late.barriers(), []);
    await asAdmin('chat/users/ipbans/remove', { value: '127.0.0.1' });
    await isOpen(late.page);
  });

  it('marks questions as answered, and the stage follows', async () => {
    const [anna, boss] = [await join(scene), await moderator()];
    const stage = await Viewer.open(scene.browser, `${scene.server.page}stage`, PHONE);
    await anna.page.getByLabel('Question', { exact: true }).check();
    await isSaid(anna, 'How old is the pier?');
    await stage.page.getByText('How old is the pier?').waitFor();
    await goesTo(boss, /^Questions/);
    await boss.page.getByRole('list', { name: 'Questions' }).getByRole('button', { name: 'Answered' }).click();
    await stage.page.getByText('All questions are answered').waitFor();
    await stage.page.locator('.stage-one[data-answered="true"]').getByText('How old is the pier?').waitFor();
    await anna.page.locator('.standing[data-answered="true"]').first().waitFor();
    assert.deepEqual(await stage.barriers(), []);
    assert.deepEqual(await boss.barriers(), []);
    assert.equal(await stage.overhang(), 0);
    // Whoever comes later finds the questions that are no longer among the newest lines.
    await stage.page.reload();
    await stage.page.getByText('How old is the pier?').waitFor();
  });

  it('works on a phone, with the keyboard, and for names from right to left', async () => {
    const anna = await join(scene);
    await anna.page.getByRole('button', { name: /Change name and colour/ }).click();
    await anna.page.getByLabel('Name').fill('ليلى');
    await anna.page.getByRole('button', { name: 'Save' }).click();
    await isSaid(anna, 'مرحبا بالجميع');
    for (const device of [PHONE, { viewport: { width: 320, height: 640 }, reducedMotion: 'reduce' }]) {
      const boss = await moderator(device);
      const message = row(boss, 'مرحبا بالجميع');
      await message.waitFor();
      assert.equal(await message.locator('.line-body').evaluate((body) => getComputedStyle(body).direction), 'rtl');
      assert.equal(await boss.overhang(), 0);
      await message.getByRole('button', { name: 'More about ليلى' }).click();
      assert.equal(await boss.overhang(), 0);
      if (device === PHONE) assert.deepEqual(await boss.barriers(), []);
      await boss.page.getByRole('tab', { name: 'Messages' }).focus();
      for (const tab of ['People', 'Questions', 'Bans', 'Log']) {
        await boss.page.keyboard.press('ArrowRight');
        await until(tab, 5000, async () => (await boss.page.evaluate(() => document.activeElement.textContent)).startsWith(tab));
        if (device === PHONE) assert.deepEqual(await boss.barriers(), [], tab);
        assert.equal(await boss.overhang(), 0, tab);
      }
      await boss.page.keyboard.press('Home');
      await row(boss, 'مرحبا بالجميع').waitFor();
      await boss.close();
    }
  });

  it('can be read on every page that shows the chat, in the dark and in the light', async () => {
    const [anna, boss] = [await join(scene), await moderator()];
    await isSaid(anna, 'a word to be read');
    await anna.page.getByLabel('Question', { exact: true }).check();
    await isSaid(anna, 'Can this be read?');
    for (const path of ['', 'embed/chat/readwrite', 'embed/chat/readonly', 'stage', 'moderate']) {
      await boss.page.goto(`${scene.server.page}${path}`);
      await boss.page.locator('.line-body').getByText('Can this be read?').filter({ visible: true }).first().waitFor();
      for (const colorScheme of ['light', 'dark']) {
        await boss.page.emulateMedia({ colorScheme });
        assert.deepEqual(await boss.barriers(), [], `/${path} in the ${colorScheme}`);
      }
      assert.equal(await boss.overhang(), 0);
    }
  });

  it('is in the viewers\' page as well, which fetches nothing of the moderators\' view', async () => {
    const [anna, boss] = [await join(scene), await moderator()];
    await boss.page.goto(scene.server.page);
    await boss.page.getByRole('link', { name: 'Moderation' }).waitFor();
    await isSaid(anna, 'another boat');
    await log(boss.page).getByText('another boat').waitFor();
    await boss.page.getByRole('button', { name: `Actions for the message of ${anna.name}` }).last().click();
    assert.deepEqual(await boss.barriers(), []);
    await boss.page.getByRole('button', { name: 'Hide', exact: true }).click();
    await isGone(anna, 'another boat');
    await boss.page.getByRole('button', { name: 'Show again' }).click();
    await log(anna.page).getByText('another boat').waitFor();
    const fetched = await anna.page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
    assert.deepEqual(fetched.filter((name) => /Moderate|Stage|Alone/.test(name)), []);
    await anna.page.getByRole('button', { name: `Actions for the message of ${anna.name}` }).last().click();
    assert.equal(await anna.page.getByRole('button', { name: 'Hide', exact: true }).count(), 0);
  });

  it('lets those in who show the right secret, who may appoint others, and lets them go', async () => {
    const anna = await join(scene);
    const secretFile = joined(scene.server.folder, 'mara.secret');
    await writeFile(secretFile, 'of-the-sea-and-the-tides\n', { mode: 0o600 });
    await scene.server.change(({ chat }) => chat.moderators.push({ name: 'mara', secretFile }));
    const viewer = await Viewer.open(scene.browser, `${scene.server.page}moderate`, PHONE);
    await viewer.page.getByLabel('Name').fill('mara');
    await viewer.page.getByLabel('Secret').fill('a guess');
    await viewer.page.keyboard.press('Enter');
    await viewer.page.getByRole('alert').getByText('Name and secret do not fit together.').waitFor();
    assert.deepEqual(await viewer.barriers(), []);
    assert.equal(await viewer.page.evaluate(() => localStorage.getItem('nixcast-chat')), null);
    await viewer.page.getByLabel('Secret').fill('of-the-sea-and-the-tides');
    await viewer.page.getByRole('button', { name: 'Sign in' }).click();
    await viewer.page.getByRole('list', { name: 'Messages' }).waitFor();
    await viewer.page.getByRole('tab', { name: 'People' }).click();
    const person = viewer.page.getByRole('list', { name: 'People' }).getByRole('listitem').filter({ hasText: anna.name });
    await person.getByRole('button', { name: `More about ${anna.name}` }).click();
    await person.getByRole('button', { name: 'Make moderator' }).click();
    await anna.page.getByRole('link', { name: 'Moderation' }).waitFor();
    await person.getByRole('button', { name: 'Remove as moderator' }).click();
    await anna.page.getByRole('link', { name: 'Moderation' }).waitFor({ state: 'detached' });
    await writeFile(secretFile, 'of-the-sky-and-the-winds\n', { mode: 0o600 });
    await viewer.page.getByText('Your login has ended').waitFor();
    assert.equal(await viewer.page.evaluate(() => localStorage.getItem('nixcast-chat')), 'null', 'nobody took her place');
    await viewer.page.getByLabel('Name').fill('mara');
    await viewer.page.getByLabel('Secret').fill('of-the-sky-and-the-winds');
    await viewer.page.keyboard.press('Enter');
    await viewer.page.getByRole('button', { name: 'Sign out' }).click();
    await viewer.page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await viewer.page.reload();
    await viewer.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });
});
