import { describe, expect, it } from 'vitest';
import { type Account, readAccount, TurnedAway, Wallet } from './account.ts';
import { Connection, type Pending, type State, type World } from './connection.ts';
import type { ChatEvent } from './protocol.ts';

/** A server and a clock, driven by the test. */
class Fake implements World {
  lines: { address: URL; sent: unknown[]; isOpen: boolean; on: { text(text: string): void; end(code: number): void } }[] = [];
  registered: (string | null)[] = [];
  waits: { milliseconds: number; then: () => void }[] = [];
  states: State[] = [];
  events: ChatEvent[] = [];
  pendings: Pending[] = [];
  misses = 0;
  stored: Account | null = null;
  isRefusing = false;
  isBanning = false;
  isMember = false;
  time = 1000;
  #random = 0;

  account = () => this.stored;
  now = () => this.time;
  random = () => (this.#random = (this.#random + 0.137) % 1);
  register = async (name: string | null) => {
    this.registered.push(name);
    if (this.isRefusing) throw new Error('no');
    if (this.isBanning) throw new TurnedAway();
    if (this.isMember) return null;
    this.stored = { id: 'me', token: `token${this.registered.length}`, name: name ?? 'Guest' };
    return this.stored;
  };
  open: World['open'] = (address, on) => {
    const line = { address: new URL(address, 'http://x.example'), sent: [] as unknown[], isOpen: true, on };
    this.lines.push(line);
    return { send: (text) => void line.sent.push(JSON.parse(text)), close: () => void (line.isOpen = false) };
  };
  wait: World['wait'] = (milliseconds, then) => {
    const wait = { milliseconds, then };
    this.waits.push(wait);
    return () => void (this.waits = this.waits.filter((other) => other !== wait));
  };

  get line() {
    return this.lines.at(-1)!;
  }

  say(...events: object[]) {
    this.line.on.text(events.map((event) => JSON.stringify(event)).join('\n'));
  }

  drop(code = 1006) {
    this.line.on.end(code);
  }

  /** The next attempt is due. */
  async again() {
    this.waits.splice(0).forEach(({ then }) => then());
    await settled();
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve));
const user = (id: string) => ({ id, displayName: id, displayColor: 0 });
const self = { type: 'CONNECTED_USER_INFO', user: user('me') };
const resumed = (complete = true, id = '001') => ({ type: 'RESUMED', id, complete });
const chat = (id: string, by = 'other', more: object = {}) => ({ type: 'CHAT', id, body: id, user: user(by), visible: true, ...more });

async function begin(stored: Account | null = { id: 'me', token: 't', name: 'Anna' }) {
  const world = new Fake();
  world.stored = stored;
  const connection = new Connection(world, {
    events: (events) => world.events.push(...events),
    state: (state) => world.states.push(state),
    pending: (pending) => (world.pendings = pending),
    missed: () => (world.misses += 1),
  });
  connection.start();
  await settled();
  return { world, connection };
}

const since = (world: Fake) => world.line.address.searchParams.get('since');
const nonces = (world: Fake) => world.line.sent.map((sent) => (sent as { nonce: string }).nonce);

describe('an account', () => {
  it('is asked for once, and again when it is worth nothing', async () => {
    const { world } = await begin(null);
    expect(world.registered).toEqual([null]);
    expect(world.line.address.searchParams.get('accessToken')).toBe('token1');
    world.say({ type: 'ERROR_NEEDS_REGISTRATION' });
    world.drop();
    await world.again();
    expect(world.registered).toEqual([null, 'Guest']);
    expect(world.line.address.searchParams.get('accessToken')).toBe('token2');
    world.say(self, resumed());
    world.drop();
    await world.again();
    expect(world.registered.length).toBe(2);
  });

  it('is asked for at once when a login ends on an open line, unless there shall be no other', async () => {
    const { world } = await begin();
    world.say(self, resumed());
    world.say({ type: 'ERROR_NEEDS_REGISTRATION' });
    expect([world.lines.length, world.line.isOpen]).toEqual([1, false]);
    await world.again();
    expect([world.registered, world.line.address.searchParams.get('accessToken')]).toEqual([['Anna'], 'token1']);

    world.say(self, resumed());
    world.isMember = true;
    world.say({ type: 'ERROR_NEEDS_REGISTRATION' });
    await world.again();
    expect([world.states.at(-1), world.lines.length, world.waits.length]).toEqual(['ended', 2, 0]);
  });

  it('is asked for again and again where there is no server', async () => {
    const world = new Fake();
    world.isRefusing = true;
    const connection = new Connection(world, { events() {}, state: (state) => world.states.push(state), pending() {}, missed() {} });
    connection.start();
    await settled();
    await world.again();
    world.isRefusing = false;
    await world.again();
    expect([world.registered.length, world.lines.length, world.states]).toEqual([3, 1, ['lost', 'lost']]);
  });

  it('lasts as long as the page where nothing may be stored', () => {
    const wallet = new Wallet(() => {
      throw new Error('locked');
    });
    const account = { id: 'a', token: 't', name: 'n' };
    expect(wallet.read()).toBeNull();
    wallet.keep(account);
    expect(wallet.read()).toEqual(account);
    for (const stored of [null, '', '{', '7', '{"id":"a","token":"","name":"n"}', '{"id":"a","token":3,"name":"n"}']) expect(readAccount(stored)).toBeNull();
  });
});

describe('the line', () => {
  it('comes back for what came after the last message, and waits longer each time', async () => {
    const { world } = await begin();
    expect(since(world)).toBe('0'.repeat(26));
    world.say(self, chat('01'), chat('02'), resumed());
    world.say(chat('03'), { type: 'USER_JOINED', id: '09', user: user('x') });
    world.drop();
    const first = world.waits.at(-1)!.milliseconds;
    await world.again();
    expect(since(world)).toBe('03');
    world.drop();
    const second = world.waits.at(-1)!.milliseconds;
    expect([first >= 250 && first <= 500, second >= 500 && second <= 1000]).toEqual([true, true]);
    await world.again();
    world.say(self, resumed());
    expect(world.states).toEqual(['open', 'lost', 'lost', 'open']);
    expect(world.misses).toBe(0);
  });

  it('comes back to a room where nothing was said as one who was there', async () => {
    const { world } = await begin();
    world.say(self, resumed(true, '005'));
    world.drop();
    await world.again();
    expect(since(world)).toBe('005');
    world.say(self, chat('006'), resumed(true, '007'));
    world.drop();
    await world.again();
    expect(since(world)).toBe('006');
  });

  it('that breaks while it tells the past is asked for all of it again', async () => {
    const { world } = await begin();
    world.say(self, chat('01'), resumed());
    world.drop();
    await world.again();
    world.say(self, chat('02'), chat('09'));
    world.drop();
    await world.again();
    expect(since(world)).toBe('01');
    world.say(self, chat('02'), chat('03'), chat('09'), resumed(false));
    expect(world.misses).toBe(1);
    world.drop();
    await world.again();
    expect(since(world)).toBe('09');
  });

  it('that says nothing is given up, and what it says later is not heard', async () => {
    const { world } = await begin();
    const silent = world.line;
    await world.again();
    expect([silent.isOpen, world.states]).toEqual([false, ['lost']]);
    silent.on.text(JSON.stringify(chat('01')));
    expect(world.events).toEqual([]);
    await world.again();
    expect(world.lines.length).toBe(2);
  });

  it('comes back soon when it is told to, and late after a ban', async () => {
    const { world, connection } = await begin();
    world.say(self, resumed());
    world.drop(4000);
    expect(world.waits.at(-1)!.milliseconds).toBeLessThan(1000);
    await world.again();
    world.say({ type: 'ERROR_USER_DISABLED', user: user('me') });
    world.drop();
    expect(world.states.at(-1)).toBe('banned');
    expect(world.waits.at(-1)!.milliseconds).toBeGreaterThanOrEqual(30_000);
    connection.hurry();
    expect(world.lines.length).toBe(2);
  });

  it('is not had by whoever may not come in, until they may', async () => {
    const world = new Fake();
    world.isBanning = true;
    new Connection(world, { events: () => {}, state: (state) => world.states.push(state), pending: () => {}, missed: () => {} }).start();
    await settled();
    expect([world.states, world.lines]).toEqual([['banned'], []]);
    world.isBanning = false;
    await world.again();
    world.say(self, resumed());
    expect(world.states).toEqual(['banned', 'open']);
  });

  it('hurries when somebody looks, and ends when it is closed', async () => {
    const { world, connection } = await begin();
    world.say(self, resumed());
    connection.hurry();
    expect(world.lines.length).toBe(1);
    world.drop();
    connection.hurry();
    await settled();
    expect(world.lines.length).toBe(2);
    connection.close();
    expect([world.line.isOpen, world.waits]).toEqual([false, []]);
  });
});

describe('a message', () => {
  it('is on its way until it is heard of', async () => {
    const { world, connection } = await begin();
    world.say(self, resumed());
    connection.say('hi', null, false);
    connection.say('why?', '01', true);
    expect(world.line.sent).toMatchObject([{ type: 'CHAT', body: 'hi' }]);
    await world.again();
    expect(world.line.sent.length).toBe(1);
    const [first] = nonces(world);
    expect(first).toMatch(/^[0-9a-z]{16}$/);
    world.say(chat('02', 'other', { nonce: first }));
    expect(world.pendings.length).toBe(2);
    world.say(chat('03', 'me', { nonce: first }));
    expect(world.pendings.length).toBe(1);
    // Counted from now, however long the first was under way.
    expect([world.line.sent.length, world.waits.at(-1)!.milliseconds]).toEqual([1, 800]);
    await world.again();
    expect(world.line.sent[1]).toMatchObject({ type: 'CHAT', body: 'why?', replyTo: '01', question: true });
    world.say({ type: 'TAKEN', nonce: nonces(world)[1], messageId: '04' });
    expect(world.pendings).toEqual([]);
  });

  it('is sent again under the same mark, and not when it arrived', async () => {
    const { world, connection } = await begin();
    world.say(self, resumed());
    connection.say('one', null, false);
    connection.say('two', null, false);
    const [one] = nonces(world);
    world.drop();
    await world.again();
    world.say(self, resumed());
    expect(nonces(world)).toEqual([one]);
    world.drop();
    connection.say('three', null, false);
    await world.again();
    expect(world.line.sent).toEqual([]);
    world.say(self, chat('01', 'me', { nonce: one }), resumed());
    world.say(chat('02', 'me', { nonce: nonces(world)[0] }));
    await world.again();
    expect(world.line.sent.map((sent) => (sent as { body: string }).body)).toEqual(['two', 'three']);
  });

  it('that may have been forgotten about is left to its author', async () => {
    const { world, connection } = await begin();
    world.say(self, resumed());
    connection.say('old', null, false);
    world.drop();
    world.time += 241_000;
    await world.again();
    world.say(self, resumed());
    expect(world.line.sent).toEqual([]);
    expect(world.pendings).toMatchObject([{ body: 'old', refusal: expect.stringContaining('not certain') as string }]);
  });

  it('that is refused can be sent again or forgotten', async () => {
    const { world, connection } = await begin();
    world.say(self, resumed());
    connection.say('fast', null, true);
    const [nonce] = nonces(world);
    world.say({ type: 'REFUSED', nonce, body: '<p>Too fast.</p>' });
    expect(world.pendings[0]?.refusal).toBe('<p>Too fast.</p>');
    world.drop();
    await world.again();
    world.say(self, resumed());
    expect(world.line.sent).toEqual([]);
    connection.again(nonce!);
    expect(world.line.sent).toMatchObject([{ body: 'fast', question: true }]);
    expect(nonces(world)[0]).not.toBe(nonce);
    connection.forget(nonces(world)[0]!);
    expect(world.pendings).toEqual([]);
  });

  it('waits for its turn, also after another name', async () => {
    const { world, connection } = await begin();
    world.say(self, resumed());
    connection.tell({ type: 'NAME_CHANGE', newName: 'Mara' });
    for (const body of ['one', 'two', 'three']) connection.say(body, null, false);
    for (const count of [1, 2, 3, 4]) {
      expect(world.line.sent.length).toBe(count);
      if (count > 1) world.say(chat(`0${count}`, 'me', { nonce: nonces(world).at(-1) }));
      await world.again();
    }
    expect(world.line.sent.length).toBe(4);
    expect(world.waits).toEqual([]);
  });

  it('of a moment is not kept for later', async () => {
    const { world, connection } = await begin();
    expect(connection.tell({ type: 'UPVOTE', id: '01' })).toBe(false);
    world.say(self, resumed());
    expect(connection.tell({ type: 'UPVOTE', id: '01' })).toBe(true);
    expect(world.line.sent).toEqual([{ type: 'UPVOTE', id: '01' }]);
  });
});
