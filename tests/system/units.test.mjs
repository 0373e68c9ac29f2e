// The rendered units under a real systemd: what an operator does to them, and what happens to them. One machine, one
// story; each test goes on where the one before it ended.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { configurations, Guest, until } from './guest.mjs';
import { Broadcast } from './stream.mjs';

/** Milliseconds for anything that the agent or systemd does by itself. */
const SETTLED_WITHIN = 60_000;

const ENGINE = 'nixcast-engine.service';
const AGENT = 'nixcast-agent.service';
const KEY = 'open-sesame';
const PASSWORD = 'correct-horse';
const TOKEN = 'battery-staple';
const WEBHOOK_SECRET = 'whsec_bml4Y2FzdCB0ZXN0cyBpdHMgdW5pdHM=';

/** Capability sets of /proc/PID/status. */
const NET_BIND_SERVICE = 1n << 10n;
const DAC_READ_SEARCH = 1n << 2n;

const guest = new Guest();
let broadcast;
const receivers = [];

before(async () => {
  await guest.install('first');
  await guest.write('/var/keys/main', KEY, 0o400);
  await guest.write('/var/keys/admin', PASSWORD, 0o400);
  await guest.write('/var/keys/clock', TOKEN, 0o400);
  await guest.write('/var/keys/hook', WEBHOOK_SECRET, 0o400);
  await guest.write('/etc/hosts', '127.0.0.1 localhost hooks.test\n');
  await guest.boot();
}, { timeout: 120_000 });

after(async () => {
  await broadcast?.stop();
  for (const receiver of receivers) receiver.kill();
  await guest.powerOff();
}, { timeout: 120_000 });

function step(name, body) {
  test(name, { timeout: 180_000 }, async () => {
    try {
      await body();
    } catch (error) {
      for (const unit of [ENGINE, AGENT]) {
        console.error(`${unit}:\n${await guest.journal(unit).catch((reason) => reason.message)}\n`);
      }
      throw error;
    }
  });
}

const isConverged = async () => (await guest.nixcast('status')).code === 0;
const converged = (what) => until(what, SETTLED_WITHIN, isConverged);

async function bothActive() {
  for (const unit of [ENGINE, AGENT]) assert.equal(await guest.show(unit, 'ActiveState'), 'active', unit);
}

async function pageName(port) {
  const answer = await guest.get(`http://127.0.0.1:${port}/api/page`);
  return answer && JSON.parse(answer.text).page.name;
}

step('the units expose no more than they did', async () => {
  for (const unit of [ENGINE, AGENT]) {
    const { code, stdout } = await guest.exec('systemd-analyze', 'security', '--offline=true', '--threshold=15', `/etc/systemd/system/${unit}`);
    const told = stdout.trim().split('\n').at(-1);
    console.log(told);
    assert.equal(code, 0, told);
  }
  const { stderr } = await guest.exec('systemd-analyze', 'verify', ENGINE, AGENT);
  assert.equal(stderr, '', 'systemd has something to say about the units');
});

step('both units start with the machine', async () => {
  await bothActive();
  await converged('the first settings');
  assert.match(await guest.show(AGENT, 'StatusText'), /^generation 1 runs$/);
  assert.equal(await pageName(8080), 'First');
  for (const unit of [ENGINE, AGENT]) assert.equal(await guest.show(unit, 'NRestarts'), '0', unit);
});

step('the chat has a file of its own to remember in', async () => {
  const { stdout } = await guest.nixcast('status', '--json');
  const { conditions } = JSON.parse(stdout).engine;
  assert.deepEqual(conditions.filter(({ kind }) => kind.startsWith('Chat')), []);
  assert.equal(await guest.run('stat', '--format=%A %U', '/var/lib/private/nixcast/chat.sqlite'), '-rw------- nixcast-engine');
});

step('a process has what its unit grants and no more', async () => {
  for (const [unit, capability] of [[ENGINE, NET_BIND_SERVICE], [AGENT, DAC_READ_SEARCH]]) {
    const process = await guest.process(await guest.mainPid(unit));
    for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapAmb']) assert.equal(BigInt(`0x${process[set]}`), capability, `${unit} ${set}`);
    assert.equal(process.NoNewPrivs, '1', unit);
    assert.equal(process.Seccomp, '2', unit);
  }
  const engine = await guest.process(await guest.mainPid(ENGINE));
  const uid = Number(engine.Uid.split('\t')[0]);
  assert.ok(uid >= 61184 && uid <= 65519, `the engine's user ${uid} is not one made up at start`);
  const group = async (name) => (await guest.run('getent', 'group', name)).split(':')[2];
  assert.equal(engine.Gid.split('\t')[0], await group('nixcast'));
  const agent = await guest.process(await guest.mainPid(AGENT));
  assert.ok(agent.Groups.trim().split(' ').includes(await group('nixcast')), 'the agent is not in the group of the engine');
  assert.equal(await guest.run('stat', '--format=%A %U %G', '/run/nixcast'), 'drwxr-x--- nixcast-engine nixcast');
  assert.equal(await guest.run('stat', '--format=%A %U', '/var/lib/private/nixcast'), 'drwx------ nixcast-engine');
  assert.equal(await guest.run('stat', '--format=%A %U', '/var/lib/nixcast-agent'), 'drwx------ nixcast-agent');
});

/** What probe.pl can do in the sandbox of the unit, or without any. */
async function probe(unit) {
  const skipped = /^(Type|ExecStart|ExecReload|Restart|RestartSec|RuntimeDirectory|RuntimeDirectoryMode|StateDirectory|StateDirectoryMode)=/;
  const text = unit ? configurations.first.units[unit] : '[Service]\n';
  const lines = text.split('\n').filter((line) => !skipped.test(line));
  const numbers = process.arch === 'x64' ? '9 317' : '222 277';
  const command = [
    'Type=oneshot',
    'StandardOutput=truncate:/var/probe.out',
    'StandardError=inherit',
    `ExecStart=/usr/bin/perl /usr/share/probe.pl ${numbers}`,
  ].join('\n');
  await guest.write('/usr/share/probe.pl', readFileSync(new URL('probe.pl', import.meta.url), 'utf8'));
  await guest.write('/etc/systemd/system/probe.service', lines.join('\n').replace('[Service]', `[Service]\n${command}`));
  await guest.run('systemctl', 'daemon-reload');
  const { code } = await guest.exec('systemctl', 'start', 'probe.service');
  const said = await guest.run('cat', '/var/probe.out');
  assert.equal(code, 0, said);
  return Object.fromEntries(said.split('\n').map((line) => line.split(/:\s+/, 2)));
}

/** What neither unit can do. */
const IMPOSSIBLE = [
  'write to /etc',
  'write to /usr',
  'write to /run',
  'open a packet socket',
  'change an owner',
  'map writable code',
  'chroot',
  'see processes of others',
  'read figures of the machine',
];

step('without a sandbox the probe can do all of it', async () => {
  const { 'network devices': devices, ...could } = await probe();
  assert.deepEqual(Object.values(could).filter((answer) => answer !== 'yes'), []);
  assert.ok(devices.split(' ').includes('lo'));
});

step('the agent reads secrets of root and has no network', async () => {
  const could = await probe(AGENT);
  for (const what of ['read a secret of root', 'speak to the engine', 'speak to the agent']) assert.equal(could[what], 'yes', what);
  for (const what of [...IMPOSSIBLE, 'open an Internet socket', 'bind port 79', 'ask for Landlock']) assert.match(could[what] ?? '', /^no/, what);
  assert.equal(could['network devices'], 'lo');
  const namespace = async (pid) => guest.run('readlink', `/proc/${pid}/ns/net`);
  const [own, others] = [await namespace(await guest.mainPid(AGENT)), await namespace(1)];
  assert.notEqual(own, others, 'the agent is in the network of the machine');
});

step('the engine has the network, reads no secret, and leaves its workers what locks them in', async () => {
  const could = await probe(ENGINE);
  for (const what of ['bind port 79', 'open an Internet socket', 'speak to the engine', 'filter its own system calls', 'ask for Landlock']) assert.equal(could[what], 'yes', what);
  for (const what of [...IMPOSSIBLE, 'read a secret of root', 'speak to the agent']) assert.match(could[what] ?? '', /^no/, what);
});

step('the engine tells the operator of the machine what the sandbox lets it see, and what that leaves out', async () => {
  const authorization = `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`;
  const { status, text } = await guest.get('http://127.0.0.1:8080/api/admin/hardwarestats', { headers: { authorization } });
  assert.equal(status, 200, text);
  const { memory, disk, missing } = JSON.parse(text);
  assert.ok(memory[0].value > 0 && memory[0].value <= 100, text);
  assert.ok(disk[0].value >= 0 && disk[0].value <= 100, text);
  assert.deepEqual(missing.map((sentence) => sentence.split(' ')[0]), ['CPU', 'memory']);
});

step('a program with a declared token speaks in the chat', async () => {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  const say = { method: 'POST', headers, body: JSON.stringify({ body: 'Five minutes' }) };
  const { status, text } = await guest.get('http://127.0.0.1:8080/api/integrations/chat/system', say);
  assert.equal(status, 200, text);
});

/** Takes the first message on port 9090 of the guest; gives its headers and text. */
async function nextMessage() {
  const receive = `require('http').createServer((request, answer) => {
    let text = '';
    request.on('data', (more) => (text += more));
    request.on('end', () => { answer.end(); console.log(JSON.stringify({ headers: request.headers, text })); process.exit(); });
  }).listen(9090, '127.0.0.1', () => console.error('listening'))`;
  const receiver = guest.spawnInNetwork([process.execPath, '-e', receive], ['ignore', 'pipe', 'pipe']);
  receivers.push(receiver);
  await new Promise((resolve) => receiver.stderr.once('data', resolve));
  let said = '';
  receiver.stdout.on('data', (more) => (said += more));
  return { arrived: () => until('a message', SETTLED_WITHIN, () => said.endsWith('\n') && JSON.parse(said)) };
}

step('somebody publishes, a worker in the same sandbox encodes, and a webhook is told', async () => {
  const message = await nextMessage();
  broadcast = await Broadcast.start(guest, KEY, 8080);
  const { headers, text } = await message.arrived();
  assert.equal(JSON.parse(text).type, 'STREAM_STARTED');
  assert.match(headers['webhook-signature'], /^v1,/);
  const figures = await guest.get('http://127.0.0.1:8080/metrics');
  assert.equal(figures.status, 200);
  assert.match(figures.text, /^nixcast_/m);
  const { broadcast: facts } = await guest.status();
  const worker = await guest.process(facts.workerPid);
  assert.equal(worker.NoNewPrivs, '1');
  assert.ok(Number(worker.Seccomp_filters) >= 1, 'no filter of system calls');
  assert.deepEqual(facts.variants, ['source', 'high', 'low']);
});

step('a switch to other settings reloads, and cuts nobody off', async () => {
  const mark = await broadcast.mark(8080);
  const { status, said } = await guest.switch('first', 'second');
  assert.equal(status, 0, said);
  assert.equal(await pageName(80), 'Second');
  await broadcast.assertGoesOn(mark, 80);
  assert.match(await guest.show(AGENT, 'StatusText'), /^generation 2 runs$/);
});

step('a missing secret is held and told, and the rest is applied', async () => {
  const mark = await broadcast.mark(80);
  const { status, said } = await guest.switch('second', 'third');
  assert.equal(status, 4, said);
  assert.match(await guest.journal(AGENT), /services\.nixcast\.streamKeys\.guest/);
  assert.equal(await pageName(80), 'Third');
  await bothActive();
  await broadcast.assertGoesOn(mark, 80);
  await guest.write('/var/keys/guest', 'another-secret', 0o400);
  await converged('the secret that came late');
  assert.match(await guest.show(AGENT, 'StatusText'), /^generation 3 runs$/);
});

step('a refused document fails the switch, names the option and changes nothing', async () => {
  const mark = await broadcast.mark(80);
  const agent = await guest.mainPid(AGENT);
  const { status, said } = await guest.switch('third', 'refused');
  assert.equal(status, 4, said);
  assert.match(await guest.journal(AGENT), /services\.nixcast\.http\.port/);
  await bothActive();
  assert.equal(await guest.mainPid(AGENT), agent);
  assert.equal(await pageName(80), 'Third');
  assert.match(await guest.show(AGENT, 'StatusText'), /^generation 3 runs; the source is refused/);
  await broadcast.assertGoesOn(mark, 80);
});

step('the agent comes back beside a refused document, and nobody notices', async () => {
  const mark = await broadcast.mark(80);
  await guest.run('systemctl', 'restart', AGENT);
  assert.match(await guest.show(AGENT, 'StatusText'), /^generation 3 runs; the source is refused/);
  await broadcast.assertGoesOn(mark, 80);
});

step('a switch back to good settings succeeds', async () => {
  const mark = await broadcast.mark(80);
  const { status, said } = await guest.switch('refused', 'third');
  assert.equal(status, 0, said);
  await broadcast.assertGoesOn(mark, 80);
});

step('the agent is killed, and nobody notices', async () => {
  const mark = await broadcast.mark(80);
  const old = await guest.mainPid(AGENT);
  await guest.kill(old);
  await until('another agent', SETTLED_WITHIN, async () => !['0', old].includes(await guest.mainPid(AGENT)));
  await converged('the other agent');
  await broadcast.assertGoesOn(mark, 80);
});

/** The engine that runs is not `old`, is told everything by an agent that has not been asked, and can be published to. */
async function assertEngineIsBack(old) {
  await until('another engine', SETTLED_WITHIN, async () => !['0', old].includes(await guest.mainPid(ENGINE)));
  await converged('the other engine');
  await broadcast.ended;
  assert.equal(await pageName(80), 'Third');
  broadcast = await Broadcast.start(guest, KEY, 80);
}

step('the engine is killed, comes back and is told again', async () => {
  const agent = await guest.mainPid(AGENT);
  const old = await guest.mainPid(ENGINE);
  await guest.kill(old);
  await assertEngineIsBack(old);
  assert.equal(await guest.mainPid(AGENT), agent, 'the agent ended with the engine');
  assert.equal(await guest.show(ENGINE, 'NRestarts'), '1');
});

step('the worker is killed, and the publisher stays', async () => {
  const before = (await guest.status()).broadcast;
  await guest.kill(`${before.workerPid}`);
  const now = await until('another worker', SETTLED_WITHIN, async () => {
    const facts = (await guest.status()).broadcast;
    return facts?.workerPid && facts.workerPid !== before.workerPid && facts;
  });
  assert.equal(now.session, before.session);
  assert.ok(broadcast.goesOn(), broadcast.said);
});

step('a reload without an engine fails, and the engine is told when it is there', async () => {
  const old = await guest.mainPid(ENGINE);
  await guest.run('systemctl', 'stop', ENGINE);
  assert.equal(await guest.show(AGENT, 'ActiveState'), 'active');
  assert.notEqual((await guest.exec('systemctl', 'reload', AGENT)).code, 0);
  await guest.run('systemctl', 'start', ENGINE);
  await assertEngineIsBack(old);
});

step('the agent starts the engine', async () => {
  await guest.run('systemctl', 'stop', AGENT, ENGINE);
  await guest.run('systemctl', 'start', AGENT);
  await bothActive();
  await converged('both');
  await broadcast.ended;
});

step('a new package restarts both, the engine first', async () => {
  const before = [await guest.mainPid(ENGINE), await guest.mainPid(AGENT)];
  const { status, said } = await guest.switch('third', 'updated');
  assert.equal(status, 0, said);
  await converged('the new package');
  for (const [index, unit] of [ENGINE, AGENT].entries()) {
    const pid = await guest.mainPid(unit);
    assert.notEqual(pid, before[index], unit);
    assert.match(await guest.run('readlink', `/proc/${pid}/exe`), new RegExp(`^${configurations.updated.package}/`));
  }
  const since = async (unit) => Number(await guest.show(unit, 'ExecMainStartTimestampMonotonic'));
  assert.ok((await since(ENGINE)) < (await since(AGENT)), 'the agent was started before the engine');
});

/** After a boot: the last good settings run, and one can publish. */
async function assertLastGoodRuns(source) {
  await until('the last good settings', SETTLED_WITHIN, async () => (await pageName(80)) === 'Third');
  await bothActive();
  await until('the agent to have looked', SETTLED_WITHIN, async () =>
    source.test(await guest.show(AGENT, 'StatusText')));
  const stream = await Broadcast.start(guest, KEY, 80);
  await stream.stop();
}

step('after a reboot all is as it was', async () => {
  await guest.reboot();
  await assertLastGoodRuns(/^generation 3 runs$/);
  assert.equal(await guest.run('stat', '--format=%A %U', '/var/lib/private/nixcast'), 'drwx------ nixcast-engine');
});

step('after a reboot on a refused document the last good one runs', async () => {
  await guest.activate('refused');
  await guest.reboot();
  await assertLastGoodRuns(/^generation 3 runs; the source is refused/);
});

step('after a reboot without a document the last good one runs', async () => {
  await guest.run('rm', '/etc/nixcast/settings.json');
  await guest.reboot();
  await assertLastGoodRuns(/^generation 3 runs; the source is refused/);
});

step('after a power cut the last good document runs', async () => {
  await guest.cutPower();
  await guest.boot();
  await assertLastGoodRuns(/^generation 3 runs; the source is refused/);
  const { status, said } = await guest.switch('refused', 'third');
  assert.equal(status, 0, said);
});

step('no log holds a secret', async () => {
  const journal = await guest.run('journalctl', '--output=cat', '--no-pager');
  for (const secret of [KEY, 'another-secret', PASSWORD, TOKEN, WEBHOOK_SECRET]) assert.ok(!journal.includes(secret), 'a secret is in the journal');
});
