// Hostile text, in every place that somebody else's text is shown: nothing of it runs, nothing of it leaves the machine,
// and no element of it reaches the page. A page that shows the same text carelessly is caught, so the watch is awake.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { root, Server, until } from './server.js';
import { launch } from './viewer.js';

/** People who come in, say something and go at once. */
const AT_ONCE = 55;

/** Payloads in one settings file: as many as there may be tags. */
const DECLARED = 24;

const PATHS = ['', 'embed/video', 'embed/chat/readonly', 'embed/chat/readwrite'];

/** Milliseconds until a text is on a page, on a machine that does other things. */
const SHOWN_WITHIN = 20_000;

/** Runs in every frame before anything else: whatever a payload would call, and what the policy had to stop. */
function watch() {
  for (const name of ['alert', 'confirm', 'prompt', 'print', 'open']) {
    window[name] = (...words) => void window.__hit(`${name}(${words.join()})`);
  }
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) => {
    window.__hit(`the policy stopped ${violatedDirective}: ${blockedURI} ${sample}`);
  });
}

/** Runs in the page: elements and attributes below `top` that somebody else's text must not become. */
function strangers(top = document) {
  const isAddress = /^(href|src|srcset|action|formaction|data|xlink:href|poster|background|ping|manifest|from|to|values)$/i;
  const isCode = /^[\s\0-\x20]*(javascript|vbscript|data|file|view-source)\s*:/i;
  const isOurs = (address) => typeof address === 'string' && address.startsWith(window.location.origin);
  const found = [];
  for (const element of top.querySelectorAll('*')) {
    const name = element.localName;
    const note = (why) => found.push(`${why}: ${element.outerHTML.slice(0, 200)}`);
    if (/^(iframe|frame|frameset|object|embed|applet|base|foreignobject|animate|set|portal|marquee|math|isindex)$/.test(name)) note(name);
    if (name === 'script' && element.type !== 'application/json' && !isOurs(element.src)) note(name);
    if (name === 'meta' && element.httpEquiv) note(name);
    if (name === 'link' && !isOurs(element.href)) note(name);
    if (name === 'form' && element.hasAttribute('action')) note(name);
    for (const { name, value } of element.attributes) {
      if (/^on/i.test(name) || /^(srcdoc|is)$/i.test(name)) note(name);
      if (isAddress.test(name) && isCode.test(value)) note(name);
      if (name === 'style' && /expression|url\(|behavior|@import/i.test(value)) note(name);
    }
  }
  return found;
}

describe('hostile text', { timeout: 300_000 }, () => {
  let server;
  let browser;
  let context;
  let payloads;
  /** What ran, or would have run, and requests to anywhere else. */
  let hits = [];
  before(async () => {
    payloads = Object.values(JSON.parse(await readFile(join(root, 'tests/corpus/xss.json'), 'utf8'))).flat();
    assert.ok(payloads.length >= 500);
    server = await Server.start();
    await server.change((settings) => {
      settings.http.trustedProxies = ['127.0.0.1'];
      Object.assign(settings.chat, { joinMessages: true, historyMessages: 500, spamProtection: false });
    });
    browser = await launch();
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    await context.exposeBinding('__hit', (_source, what) => void hits.push(what));
    await context.addInitScript(watch);
    await context.addInitScript(`window.strangers = ${strangers}`);
    context.on('dialog', (dialog) => {
      hits.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await context.route((url) => !['127.0.0.1', 'localhost'].includes(url.hostname) && /^(https?|wss?):$/.test(url.protocol), (route) => {
      hits.push(`a request to ${route.request().url()}`);
      return route.abort();
    });
  });
  afterEach(async () => {
    await Promise.all(context.pages().map((page) => page.close()));
    hits = [];
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  async function open(path = '') {
    const page = await context.newPage();
    await page.goto(server.page + path, { waitUntil: 'domcontentloaded' });
    return page;
  }

  async function assertHarmless(page) {
    assert.deepEqual(await page.evaluate(() => window.strangers()), []);
    assert.deepEqual(hits, []);
  }

  /** Comes in under a name, says something, waits until it is taken, and goes. Whether name and text were taken. */
  async function visit(text, number) {
    const home = `10.2.${Math.floor(number / 250)}.${(number % 250) + 1}`;
    const register = (displayName) =>
      fetch(`${server.page}api/chat/register`, {
        method: 'POST',
        headers: { 'x-forwarded-for': home, 'content-type': 'application/json' },
        body: JSON.stringify({ displayName }),
      });
    let reply = await register(text.slice(0, 30));
    const isNamed = reply.ok;
    if (!isNamed) reply = await register('');
    const { accessToken } = await reply.json();
    const answer = await say(accessToken, text, home);
    return { isNamed, isTaken: answer.includes('"type":"CHAT"') };
  }

  /** The events up to the one that carries the nonce. */
  function say(token, body, home) {
    const text = Buffer.from(JSON.stringify({ type: 'CHAT', body, nonce: 'mark' }));
    const head = Buffer.from([0x81, 0xfe, text.length >> 8, text.length & 0xff, 0, 0, 0, 0]);
    return new Promise((resolve, reject) => {
      const socket = connect(server.settings.http.port, '127.0.0.1');
      let heard = '';
      socket.setEncoding('latin1');
      socket.setTimeout(SHOWN_WITHIN, () => socket.destroy(new Error(`no answer to ${body}: ${heard}`)));
      socket.once('error', reject);
      socket.write(
        `GET /ws?accessToken=${token} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n` +
          `sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nx-forwarded-for: ${home}\r\n\r\n`,
      );
      socket.write(Buffer.concat([head, text]));
      socket.on('data', (data) => {
        heard += data;
        if (!heard.includes('"nonce":"mark"') && !heard.includes('"type":"REFUSED"')) return;
        socket.destroy();
        resolve(heard);
      });
    });
  }

  it('would be noticed if it ran, were it stopped by the policy alone, and where it becomes an element', async () => {
    // Without trusted types, which would not let the careless page be careless.
    const policy = (await fetch(server.page)).headers.get('content-security-policy').replace(/[^;]*trusted-types[^;]*(;|$)/g, '');
    for (const [name, headers] of [['careless', {}], ['careless-with-policy', { 'content-security-policy': policy }]]) {
      await context.route(`**/${name}`, (route) => route.fulfill({ contentType: 'text/html', headers, body: '<!doctype html><main></main>' }));
      const page = await open(name);
      const caught = await page.evaluate((texts) => {
        const becomesMore = (text) => {
          const place = document.createElement('div');
          place.innerHTML = text;
          document.querySelector('main').append(place);
          return window.strangers(place).length > 0;
        };
        return texts.filter(becomesMore).length;
      }, payloads);
      await until('a payload to run', 5000, () => hits.length > 20);
      if (name === 'careless') {
        assert.ok(caught > payloads.length / 3, `${caught} of ${payloads.length} become what they must not be`);
        assert.ok(hits.some((hit) => hit.startsWith('alert(')) && hits.some((hit) => hit.startsWith('a request to ')), hits.slice(0, 9).join('\n'));
      } else {
        assert.ok(hits.every((hit) => !hit.startsWith('alert(')) && hits.some((hit) => hit.startsWith('the policy stopped script-src')), hits.slice(0, 9).join('\n'));
      }
      await page.close();
      hits = [];
    }
  });

  it('is harmless as name and message, while it comes and in the history', async () => {
    const viewer = await open();
    await viewer.locator('.chat-room[data-state="open"]').waitFor();
    const taken = { names: 0, messages: 0 };
    for (let first = 0; first < payloads.length; first += AT_ONCE) {
      const visits = await Promise.all(payloads.slice(first, first + AT_ONCE).map((text, index) => visit(text, first + index)));
      taken.names += visits.filter(({ isNamed }) => isNamed).length;
      taken.messages += visits.filter(({ isTaken }) => isTaken).length;
      const end = `so far ${first}`;
      await visit(end, 5000 + first);
      await viewer.locator('.line-body', { hasText: end }).last().waitFor({ timeout: SHOWN_WITHIN });
      await assertHarmless(viewer);
    }
    assert.ok(taken.messages > payloads.length * 0.95 && taken.names > payloads.length / 2, JSON.stringify(taken));
    await viewer.reload();
    await viewer.locator('.line-body', { hasText: 'so far' }).last().waitFor({ timeout: SHOWN_WITHIN });
    await assertHarmless(viewer);
  });

  it('is harmless as the name of a file among the emoji, in their pictures, and in what the operator is told', async () => {
    const emojiFolder = join(server.folder, 'emoji');
    await mkdir(emojiFolder);
    const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="alert(1)"><script>alert(2)</script></svg>`;
    // Every name that a file may have; none of them is one that an emoji may have.
    const names = payloads.filter((name) => !/[/\0]/.test(name) && name.isWellFormed() && Buffer.byteLength(name) <= 250);
    assert.ok(names.length > 200, `${names.length} names`);
    for (const name of ['wave', ...names]) await writeFile(join(emojiFolder, `${name}.svg`), picture);
    await server.declareAdmin('of the tides');
    // What cannot be offered is held for as long as it is there, so nobody waits for that.
    await server.write(({ chat }) => (chat.emojiFolder = emojiFolder));
    await until('what is offered', SHOWN_WITHIN, async () => JSON.stringify(await (await fetch(`${server.page}api/emoji`)).json()).includes('wave'));
    assert.deepEqual(await (await fetch(`${server.page}api/emoji`)).json(), [{ name: 'wave', url: '/img/emoji/wave.svg' }]);
    const viewer = await open();
    await viewer.locator('.chat-room[data-state="open"]').waitFor();
    await viewer.getByRole('button', { name: 'Emoji', exact: true }).click();
    await viewer.getByRole('dialog', { name: 'Emoji' }).getByRole('button', { name: 'wave', exact: true }).click();
    await viewer.getByRole('textbox', { name: /^Your message/ }).press('Enter');
    await viewer.getByRole('log').locator('img.emoji').waitFor();
    await Promise.all(names.slice(0, AT_ONCE).map((name, index) => visit(`:${name}:`, 6000 + index)));
    await visit('after them', 6999);
    await viewer.locator('.line-body', { hasText: 'after them' }).waitFor({ timeout: SHOWN_WITHIN });
    await assertHarmless(viewer);
    const admin = await open('admin');
    await admin.getByLabel('Name').fill('admin');
    await admin.getByLabel('Password').fill('of the tides');
    await admin.getByLabel('Password').press('Enter');
    await admin.getByText(/holds what cannot be offered: /).first().waitFor({ timeout: SHOWN_WITHIN });
    await assertHarmless(admin);
    await server.change(({ chat }) => (chat.emojiFolder = null));
  });

  it('is harmless as the name of an emoji', async () => {
    const list = payloads.flatMap((name) => [
      { name, url: '/img/emoji/x.png' },
      { name: 'x', url: name },
      { name: 'x', url: `/img/emoji/${name}` },
    ]);
    await context.route('**/api/emoji', (route) => route.fulfill({ json: list }));
    const viewer = await open();
    await viewer.locator('.chat-room[data-state="open"]').waitFor();
    await viewer.getByRole('button', { name: 'Emoji', exact: true }).click();
    await viewer.getByRole('dialog', { name: 'Emoji' }).locator('img.emoji').first().waitFor({ state: 'attached' });
    assert.ok((await viewer.locator('.sign img').count()) >= payloads.length);
    await assertHarmless(viewer);
    await context.unroute('**/api/emoji');
  });

  it('is harmless as name, summary, tag, link, action, page and offline message, and in addresses', async () => {
    const viewer = await open();
    const guest = await open();
    const short = (text, most) => [...text.replace(/\p{Cc}/gu, ' ')].slice(0, most).join('').trim() || 'x';
    const different = (texts) => [...new Map(texts.map((text) => [text.toLowerCase(), text])).values()];
    const query = (texts) => texts.map((text, index) => `${['autoplay', 'muted', 'name', 'since', 'theme'][index] ?? `p${index}`}=${encodeURIComponent(text.toWellFormed())}`).join('&');
    for (let first = 0; first < payloads.length; first += DECLARED) {
      const texts = payloads.slice(first, first + DECLARED);
      const mark = `number ${first}.`;
      await server.change(({ instance }) => {
        instance.name = short(texts[first % texts.length], 100);
        instance.summary = short(`${mark} ${texts[(first + 1) % texts.length]}`, 500);
        instance.tags = different(texts.map((text) => short(text, 40)));
        instance.socialHandles = texts.map((text) => ({ platform: short(text, 40), url: `https://a.example/${encodeURIComponent(text.toWellFormed())}` }));
        instance.externalActions = texts.slice(0, 16).map((text) => ({
          title: short(text, 60),
          url: 'https://a.example/',
          description: short(text, 200),
          colour: null,
          openExternally: true,
        }));
        instance.offlineMessage = short(texts.join(' '), 2500);
        instance.pageContent = texts.join('\n\n').replaceAll('\0', '');
      });
      const path = PATHS[(first / DECLARED) % PATHS.length];
      await guest.goto(`${server.page}${path}?${query(texts)}#${encodeURIComponent(texts[0].toWellFormed())}`, { waitUntil: 'domcontentloaded' });
      await assertHarmless(guest);
      await viewer.getByText(mark).first().waitFor({ timeout: SHOWN_WITHIN });
      await assertHarmless(viewer);
    }
  });
});
