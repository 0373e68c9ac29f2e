// A chat server of the tests' own, for what the real one cannot be brought to do: lines that break between taking a
// message and telling of it, bodies that nobody sanitised, eighty lines at once.

const MODERATOR = 'moderator';

export class Room {
  settings = { questions: true, slowModeSeconds: 0, maxMessageBytes: 2048 };
  messages = [];
  lines = new Set();
  users = new Map();
  /** What was asked of it over HTTP: `{path, body}`. */
  deeds = [];
  isAway = false;
  /** Whether messages are taken and nobody is told, as when a line breaks at the worst moment. */
  isSilent = false;
  refusal = null;
  #ids = 0;

  /** Puts this room behind the page, whatever the server knows of a chat. */
  async serve(page, { isModerator = false } = {}) {
    await page.route(/\/(\?.*)?$/, async (route) => {
      const reply = await route.fetch();
      const html = (await reply.text()).replace(/"chat":(null|\{[^}]*\})/, `"chat":${JSON.stringify(this.settings)}`);
      await route.fulfill({ response: reply, body: html });
    });
    await page.routeWebSocket(/\/api\/events$/, (line) => {
      const server = line.connectToServer();
      server.onMessage((text) => {
        const event = JSON.parse(text);
        if (event.page) event.page.chat = this.settings;
        line.send(JSON.stringify(event));
      });
    });
    await page.route('**/api/chat/**', (route) => this.#answer(route, isModerator));
    await page.route('**/api/emoji', (route) => route.fulfill({ json: [{ name: 'anchor', url: '/img/emoji/anchor.svg' }, { name: 'bad', url: 'https://a.example/x.png' }] }));
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1" height="1" fill="teal"/></svg>';
    await page.route('**/img/emoji/anchor.svg', (route) => route.fulfill({ contentType: 'image/svg+xml', body: svg }));
    await page.routeWebSocket(/\/ws\?/, (line) => this.#open(line));
  }

  async #answer(route, isModerator) {
    const path = new URL(route.request().url()).pathname;
    const body = route.request().postDataJSON();
    if (this.isAway) return route.abort();
    if (path === '/api/chat/register') {
      const id = `user${this.users.size + 1}`;
      const user = { id, displayName: body.displayName ?? `Guest ${this.users.size + 1}`, displayColor: this.users.size % 8, isBot: false };
      if (isModerator) user.scopes = [MODERATOR.toUpperCase()];
      this.users.set(`token-${id}`, user);
      return route.fulfill({ json: { id, accessToken: `token-${id}`, displayName: user.displayName } });
    }
    if (path === '/api/chat/questions') return route.fulfill({ json: [] });
    this.deeds.push({ path, body });
    if (path === '/api/chat/messagevisibility') {
      this.messages.forEach((one) => body.idArray.includes(one.id) && (one.visible = body.visible));
      this.tell({ type: 'VISIBILITY-UPDATE', ids: body.idArray, visible: body.visible });
    }
    return route.fulfill({ json: { success: true, message: '' } });
  }

  #open(line) {
    const query = new URL(line.url()).searchParams;
    const user = this.users.get(query.get('accessToken'));
    if (this.isAway) return line.close({ code: 1013 });
    if (user === undefined) {
      line.send(JSON.stringify({ type: 'ERROR_NEEDS_REGISTRATION' }));
      return line.close({ code: 1000 });
    }
    const past = this.messages.filter(({ id }) => id > query.get('since'));
    const events = [this.#event({ type: 'CONNECTED_USER_INFO', user }), ...past, this.#event({ type: 'RESUMED', complete: true })];
    line.send(events.map((event) => JSON.stringify(event)).join('\n'));
    this.lines.add(line);
    line.onMessage((text) => this.#take(line, user, JSON.parse(text)));
    line.onClose(() => this.lines.delete(line));
  }

  #take(line, user, command) {
    if (command.type === 'NAME_CHANGE') {
      const oldName = user.displayName;
      user.displayName = command.newName;
      line.send(JSON.stringify(this.#event({ type: 'CONNECTED_USER_INFO', user })));
      return this.tell({ type: 'NAME_CHANGE', user, oldName });
    }
    if (command.type === 'COLOR_CHANGE') {
      user.displayColor = command.newColor;
      return line.send(JSON.stringify(this.#event({ type: 'CONNECTED_USER_INFO', user })));
    }
    if (command.type === 'UPVOTE') {
      const asked = this.messages.find(({ id }) => id === command.id);
      asked.question.votes += command.withdraw ? -1 : 1;
      return this.tell({ type: 'QUESTION-UPDATE', messageId: command.id, ...asked.question });
    }
    if (command.type !== 'CHAT') return;
    if (this.refusal !== null) {
      return line.send(JSON.stringify(this.#event({ type: 'REFUSED', nonce: command.nonce, body: `<p>${this.refusal}</p>` })));
    }
    const known = this.messages.find(({ nonce }) => nonce === command.nonce);
    if (known !== undefined) return line.send(JSON.stringify(known));
    this.say(command.body, user, command);
  }

  /** Somebody says something; `body` is text. */
  say(body, user, { nonce, replyTo, question } = {}) {
    const html = `<p>${body.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`)}</p>`;
    return this.sayHtml(html, user, { nonce, replyTo, question });
  }

  sayHtml(html, user = { id: 'host', displayName: 'Skipper', displayColor: 5, isBot: false }, { nonce, replyTo, question } = {}) {
    const message = this.#event({ type: 'CHAT', body: html, user: { ...user }, visible: true, nonce, replyTo });
    if (question) message.question = { votes: 0, answered: false };
    this.messages.push(message);
    if (!this.isSilent) this.#send(message);
    return message;
  }

  /** An event that is not kept. */
  tell(event) {
    this.#send(this.#event(event));
  }

  #send(...events) {
    const text = events.map((event) => JSON.stringify(event)).join('\n');
    this.lines.forEach((line) => line.send(text));
  }

  #event(event) {
    return { id: (++this.#ids).toString().padStart(26, '0'), timestamp: new Date().toISOString(), ...event };
  }

  /** Every line breaks. */
  drop(code = 1011) {
    for (const line of this.lines) void line.close({ code });
    this.lines.clear();
  }
}
