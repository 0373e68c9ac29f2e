// A machine with systemd as PID 1, in a container: boots, reboots, runs commands, and is switched between configurations
// as NixOS does it. `run` has mounted its root and made its control group.

import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const scratch = process.env.NIXCAST_SYSTEM_SCRATCH;
const group = process.env.NIXCAST_SYSTEM_GROUP;
const root = join(scratch, 'machine/root');
export const { configurations, plans } = JSON.parse(readFileSync(join(scratch, 'switches.json'), 'utf8'));

/** Milliseconds for a boot, a reboot or a job of systemd on a machine that is busy with other things. */
const SLOW = 60_000;

/** Exit status of systemd-nspawn when the machine asked for a reboot. */
const WANTS_REBOOT = 133;

/** Asks again and again until `probe` answers something true; fails with `what` after `limit` milliseconds. */
export async function until(what, limit, probe) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${limit} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Runs a program to its end: { code, stdout, stderr }. One that takes too long is killed and has the code null. */
function finished(program, words, limit) {
  return new Promise((resolve) => {
    execFile(program, words, { timeout: limit, killSignal: 'SIGKILL', maxBuffer: 2 ** 24 }, (error, stdout, stderr) =>
      resolve({ code: error ? (typeof error.code === 'number' ? error.code : null) : 0, stdout, stderr }),
    );
  });
}

/** systemd-nspawn has another child for a moment, which makes the namespaces. */
function isFirstInItsNamespace(pid) {
  try {
    return pid && /^NSpid:.*\s1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    // It has ended in the meantime.
    return false;
  }
}

export class Guest {
  #container;
  #ended;
  /** Pid of its PID 1, as it is seen from outside. */
  leader;

  async boot() {
    const log = openSync(join(scratch, 'machine/console.log'), 'a');
    const command = `echo $$ >/sys/fs/cgroup/${group}/cgroup.procs && exec systemd-nspawn --quiet --boot \
      --directory=${root} --machine=${group} --register=no --keep-unit --private-network --resolv-conf=off \
      --timezone=off --link-journal=no --console=pipe \
      --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self"`;
    this.#container = spawn('bash', ['-c', command], { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#ended = new Promise((resolve) => this.#container.once('exit', (code) => resolve(code)));
    this.leader = await until('PID 1', SLOW, async () => {
      if (this.#container.exitCode !== null) throw new Error(`the machine does not boot:\n${this.console()}`);
      const { stdout } = await finished('pgrep', ['--parent', this.#container.pid], SLOW);
      return stdout.split('\n').find(isFirstInItsNamespace);
    });
    const state = await until('the end of the boot', SLOW, async () => {
      const { stdout } = await this.exec('systemctl', 'is-system-running');
      return /^(running|degraded)$/.test(stdout.trim()) && stdout.trim();
    });
    if (state !== 'running') {
      throw new Error(`the machine is ${state}:\n${(await this.exec('systemctl', '--failed')).stdout}`);
    }
  }

  async reboot() {
    await this.exec('systemctl', 'reboot');
    const code = await this.#end();
    if (code !== WANTS_REBOOT) throw new Error(`the machine ended with ${code} instead of rebooting`);
    await this.boot();
  }

  /** As when the power fails: no process is told. */
  async cutPower() {
    process.kill(Number(this.leader), 'SIGKILL');
    await this.#end();
  }

  /** At the end of the test, whatever state the machine is in. */
  async powerOff() {
    if (!this.#container) return;
    await this.exec('systemctl', 'poweroff');
    await this.#end().finally(() => this.#container.kill('SIGKILL'));
  }

  #end() {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('the machine does not end')), SLOW);
    });
    return Promise.race([this.#ended, late]).finally(() => clearTimeout(timer));
  }

  console() {
    return readFileSync(join(scratch, 'machine/console.log'), 'utf8');
  }

  #enter(namespaces, command) {
    return ['--target', this.leader, ...namespaces, '--', ...command];
  }

  /** Runs a command inside, as root. */
  exec(...command) {
    const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--root', '--wd'];
    return finished('nsenter', this.#enter(namespaces, command), SLOW);
  }

  /** Runs a command inside that has to succeed; gives what it prints. */
  async run(...command) {
    const { code, stdout, stderr } = await this.exec(...command);
    if (code !== 0) throw new Error(`${command.join(' ')}: exit ${code}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Starts a program of this machine in the guest's network. */
  spawnInNetwork(command, stdio) {
    return spawn('nsenter', this.#enter(['--net'], command), { stdio });
  }

  /** Asks for a page of the guest: { status, text }, or nothing when nobody answers. */
  /** `request`: what `fetch` takes besides the address. */
  async get(url, request = {}) {
    const script = `fetch(process.argv[1], { ...JSON.parse(process.argv[2]), signal: AbortSignal.timeout(5000) })
      .then(async (r) => console.log(JSON.stringify({ status: r.status, text: await r.text() })), () => {})`;
    const { stdout } = await finished('nsenter', this.#enter(['--net'], [process.execPath, '-e', script, url, JSON.stringify(request)]), SLOW);
    return stdout ? JSON.parse(stdout) : undefined;
  }

  kill(pid) {
    return this.run('sh', '-c', `kill -KILL ${pid}`);
  }

  path(inside) {
    return join(root, inside);
  }

  async write(inside, text, mode = 0o644) {
    await mkdir(dirname(this.path(inside)), { recursive: true });
    await writeFile(this.path(inside), text);
    await chmod(this.path(inside), mode);
  }

  async show(unit, property) {
    return this.run('systemctl', 'show', `--property=${property}`, '--value', unit);
  }

  mainPid(unit) {
    return this.show(unit, 'MainPID');
  }

  /** What a process of the guest is and may, from /proc/PID/status. */
  async process(pid) {
    const text = await this.run('cat', `/proc/${pid}/status`);
    return Object.fromEntries(text.split('\n').map((line) => line.split(/:\s*/, 2)));
  }

  /** Before the first boot: users, groups, units and document of a configuration. */
  async install(name) {
    const { users, groups } = configurations[name];
    const lines = groups.map((group) => `g ${group} -`);
    for (const [user, { group, extraGroups, description }] of Object.entries(users)) {
      lines.push(`u ${user} - "${description}"`, `m ${user} ${group}`, ...extraGroups.map((extra) => `m ${user} ${extra}`));
    }
    await this.write('/etc/sysusers.d/nixcast.conf', `${lines.join('\n')}\n`);
    const { code, stderr } = await finished('chroot', [root, 'systemd-sysusers'], SLOW);
    if (code !== 0) throw new Error(stderr);
    await this.activate(name);
  }

  /**
   * Puts the files of a configuration in place as NixOS' activation does: a new tree behind /etc/static, and every
   * symbolic link below /etc made anew, changed or not.
   */
  async activate(name) {
    const { document, documentPath, units, wantedBy } = configurations[name];
    await this.write(documentPath, document, 0o444);
    const tree = `/nix/store/etc-${name}`;
    await rm(this.path(tree), { recursive: true, force: true });
    await mkdir(this.path(`${tree}/nixcast`), { recursive: true });
    await symlink(documentPath, this.path(`${tree}/nixcast/settings.json`));
    await this.#link(tree, '/etc/static');
    await mkdir(this.path('/etc/nixcast'), { recursive: true });
    await this.#link('/etc/static/nixcast/settings.json', '/etc/nixcast/settings.json');
    for (const [unit, text] of Object.entries(units)) {
      await this.write(`/etc/systemd/system/${unit}`, text);
      for (const target of wantedBy[basename(unit, '.service')]) {
        await mkdir(this.path(`/etc/systemd/system/${target}.wants`), { recursive: true });
        await this.#link(`../${unit}`, `/etc/systemd/system/${target}.wants/${unit}`);
      }
    }
  }

  /** Replaces a symbolic link in one step. */
  async #link(target, inside) {
    await rm(this.path(`${inside}.tmp`), { force: true });
    await symlink(target, this.path(`${inside}.tmp`));
    await rename(this.path(`${inside}.tmp`), this.path(inside));
  }

  /**
   * What `switch-to-configuration switch` does, by the plan that tests/nix/switch-plan computes. Gives its exit status
   * (4: a job failed) and what the jobs printed.
   */
  async switch(from, to) {
    const plan = plans[from][to];
    let status = 0;
    let said = '';
    const jobs = async (verb, units) => {
      if (units.length === 0) return;
      const { code, stdout, stderr } = await this.exec('systemctl', verb, '--', ...units);
      said += stdout + stderr;
      if (code !== 0) status = 4;
    };
    await jobs('stop', plan.stop);
    await this.activate(to);
    await this.run('systemctl', 'daemon-reload');
    await jobs('reload', plan.reload);
    await jobs('restart', plan.restart);
    await jobs('start', plan.start);
    return { status, said };
  }

  /** What the unit wrote to the journal since the boot. */
  async journal(unit) {
    return this.run('journalctl', '--boot', '--output=cat', '--no-pager', `--unit=${unit}`);
  }

  nixcast(...words) {
    return this.exec(`${configurations.first.package}/bin/nixcast`, ...words);
  }

  async status() {
    const { stdout } = await this.nixcast('status', '--json');
    return stdout ? JSON.parse(stdout) : undefined;
  }
}
