// A chat server of the tests' own, for what the real one cannot be brought to do: lines that break between taking a
// message and telling of it, bodies that nobody sanitised, eighty lines at once.

export class Room {
  messages = [];
  lines = new Set();
  users = new Map();
  isAway = false;
  /** Whether messages are taken and nobody is told, as when a line breaks at the worst moment. */
  isSilent = false;
  /** Whether people may talk: not long after the stream. */
  isOpen = true;
  #ids = 0;

  /** Puts this room behind the page, in place of the server's own. */
  async serve(page) {
    await page.route('**/api/chat/**', (route) => this.#answer(route));
    await page.routeWebSocket(/\/ws\?/, (line) => this.#open(line));
  }

  async #answer(route) {
    const path = new URL(route.request().url()).pathname;
    const body = route.request().postDataJSON();
    if (this.isAway) return route.abort();
    if (path === '/api/chat/register') {
      const id = `user${this.users.size + 1}`;
      const user = { id, displayName: body.displayName ?? `Guest ${this.users.size + 1}`, displayColor: this.users.size % 8, isBot: false };
      this.users.set(`token-${id}`, user);
      return route.fulfill({ json: { id, accessToken: `token-${id}`, displayName: user.displayName } });
    }
    if (path === '/api/chat/questions') return route.fulfill({ json: [] });
    return route.continue();
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
    const hours = this.isOpen ? [] : [this.#event({ type: 'OPENING', open: false })];
    const events = [this.#event({ type: 'CONNECTED_USER_INFO', user }), ...past, ...hours, this.#event({ type: 'RESUMED', complete: true })];
    line.send(events.map((event) => JSON.stringify(event)).join('\n'));
    this.lines.add(line);
    line.onMessage((text) => this.#take(line, user, JSON.parse(text)));
    line.onClose(() => this.lines.delete(line));
  }

  #take(line, user, command) {
    if (command.type !== 'CHAT') return;
    const known = this.messages.find(({ nonce }) => nonce === command.nonce);
    if (known !== undefined) return line.send(JSON.stringify(known));
    this.say(command.body, user, command);
  }

  /** Somebody says something; `body` is text. */
  say(body, user, { nonce, replyTo } = {}) {
    const html = `<p>${body.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`)}</p>`;
    return this.sayHtml(html, user, { nonce, replyTo });
  }

  sayHtml(html, user = { id: 'host', displayName: 'Skipper', displayColor: 5, isBot: false }, { nonce, replyTo } = {}) {
    const message = this.#event({ type: 'CHAT', body: html, user: { ...user }, visible: true, nonce, replyTo });
    this.messages.push(message);
    if (!this.isSilent) this.#send(message);
    return message;
  }

  #send(event) {
    this.lines.forEach((line) => line.send(JSON.stringify(event)));
  }

  #event(event) {
    return { id: (++this.#ids).toString().padStart(26, '0'), timestamp: new Date().toISOString(), ...event };
  }

  /** Closes or opens, and tells everybody. */
  setOpen(isOpen) {
    this.isOpen = isOpen;
    this.#send(this.#event({ type: 'OPENING', open: isOpen }));
  }

  /** Every line breaks. */
  drop() {
    for (const line of this.lines) void line.close({ code: 1011 });
    this.lines.clear();
  }
}
