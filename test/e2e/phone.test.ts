import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Network, openLoopbackStage, type Program, programFile, sharedCode } from '@overcall/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const hasTmux = spawnSync('tmux', ['-V']).status === 0;
const why = hasTmux ? '' : ' (tmux is missing)';

let folder: string;
let network: Network;
let pane: Pane;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-e2e-'));
  network = await Network.start(openLoopbackStage(), folder);
  await Promise.all(['bob', 'carol'].map((user) => network.register('bob', user)));
  if (hasTmux) pane = new Pane(folder);
});
afterAll(async () => {
  pane?.close();
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

const SILENT = ['--play', 'null', '--record', 'null'];

/** A shell in a terminal of tmux. */
class Pane {
  readonly #folder: string;
  #marks = 0;

  constructor(folder: string) {
    this.#folder = folder;
    const env = { ...process.env, ...sharedCode(), OVERCALL_NO_PORT_MAPPING: '1', PS1: '$ ' };
    const size = ['-x', '90', '-y', '24'];
    const server = ['-S', join(folder, 'tmux'), '-f', '/dev/null'];
    execFileSync('tmux', [...server, 'new-session', '-d', ...size, 'bash --norc --noprofile'], { env });
  }

  tmux(...argv: string[]): string {
    return execFileSync('tmux', ['-S', join(this.#folder, 'tmux'), ...argv], { encoding: 'utf8' });
  }

  type(...keys: string[]): void {
    this.tmux('send-keys', ...keys);
  }

  get screen(): string {
    return this.tmux('capture-pane', '-p');
  }

  async shows(text: RegExp): Promise<void> {
    await expect.poll(() => this.screen, { timeout: 20_000, interval: 100 }).toMatch(text);
  }

  /** What the shell says of its terminal, once it has it back; but for the size. */
  async settings(hasEnded = true): Promise<string> {
    // What is typed before the program has ended is the program's.
    if (hasEnded) await expect.poll(() => this.child, { timeout: 20_000, interval: 100 }).toBe(0);
    const mark = ++this.#marks;
    const file = join(this.#folder, `stty-${mark}`);
    this.type(`stty -a > ${file}; echo "settings $((${mark}))"`, 'Enter');
    await this.shows(new RegExp(`^settings ${mark}$`, 'm'));
    return readFileSync(file, 'utf8').replace(/rows \d+; columns \d+;/, '');
  }

  /** Whose the terminal is: a shell has a cursor, and does not use the alternate screen. */
  get mode(): string {
    const mode = this.tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}').trim();
    return { '0 1': 'shell', '1 0': 'full screen' }[mode] ?? mode;
  }

  /** The program in the foreground of the shell; 0 when there is none. */
  get child(): number {
    const shell = this.tmux('display-message', '-p', '#{pane_pid}').trim();
    return Number(readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim());
  }

  close(): void {
    this.tmux('kill-server');
  }
}

/** Has a program throw where nobody catches it, when it gets a signal that means nothing to it. */
function crashing(): string {
  const file = join(folder, 'crash.mjs');
  writeFileSync(file, "process.on('SIGPWR', () => { throw new Error('crashed as told'); });");
  return `NODE_OPTIONS=--import=${file}`;
}

const control = () => join(folder, 'alice-control');

/** The interactive phone of alice. */
function startPhone(): void {
  const flags = `--home ${network.homeOf('alice')} --directory ${network.directoryUrl}`;
  pane.type(
    `${crashing()} ${process.execPath} ${programFile('softphone')} ${flags} --bind 127.0.0.1 --play tone --record null --control ${control()}`,
  );
  pane.type('Enter');
}

describe.skipIf(!hasTmux && !process.env.CI)(`the phone in a terminal${why}`, () => {
  it('asks for a name, declines, calls, mutes, takes another size, and leaves the terminal as it was', async () => {
    const before = await pane.settings();
    startPhone();
    await pane.shows(/Your name/);
    pane.type('Bob', 'Enter');
    await pane.shows(/taken/);
    pane.type('Alice', 'Enter');
    await pane.shows(/^overcall {2}alice +supernode \d+ ms$/m);

    expect(await ask(control(), { do: 'do-not-disturb', on: true })).toMatchObject({ ok: true });
    await pane.shows(/^overcall {2}alice {2}do not disturb/m);
    pane.type('n');
    await pane.shows(/^overcall {2}alice {4}/m);
    expect(await ask(control(), { do: 'status' })).toMatchObject({ doNotDisturb: false });

    const caller = network.overcall('bob', 'bob', 'call', 'alice', ...SILENT);
    await pane.shows(/^bob is calling/m);
    pane.type('b');
    expect(await caller.exited).toBe(4);
    await pane.shows(/the call with bob was declined/);

    const bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', ...SILENT);
    await bob.waitFor('attached');
    pane.type('d', 'bo', 'Tab', 'Enter');
    await pane.shows(/^talking with bob {2}0:\d\d$/m);
    await pane.shows(/^direct 127\.0\.0\.1, \d+ ms, [\d.]+% loss, R \d+$/m);
    await pane.shows(/^you \[#/m);
    pane.type('m');
    await bob.waitFor('mute', { where: ({ by, on }) => by === 'peer' && on === true });
    await pane.shows(/muted$/m);
    pane.type('t', 'on my way', 'Enter');
    await bob.waitFor('message', { where: ({ from, text }) => from === 'alice' && text === 'on my way' });
    await pane.shows(/^\d\d:\d\d {2}you: on my way$/m);
    bob.type('t good \u001b[2J');
    await pane.shows(/^\d\d:\d\d {2}bob: good \[2J$/m);
    pane.type('Escape');
    await pane.shows(/^talking with bob/m);
    pane.tmux('resize-window', '-x', '46', '-y', '12');
    await pane.shows(/^talking with bob {2}0:\d\d {2}muted$[\s\S]*^h help {2}q quit {2}d dial/m);
    expect(pane.screen.split('\n').filter((line) => line.startsWith('overcall'))).toHaveLength(1);
    pane.type('C-c');
    expect(await pane.settings()).toBe(before);
    expect(await bob.waitFor('ended')).toMatchObject({ reason: 'remote-hangup' });

    await bob.stop();
  });

  it('puts the terminal back and hangs up, whatever ends it', async () => {
    const bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', ...SILENT);
    await bob.waitFor('attached');
    const before = await pane.settings();
    let calls = 0;
    const talk = async () => {
      startPhone();
      await pane.shows(/^overcall {2}alice +supernode \d+ ms$/m);
      pane.type('d', 'bo', 'Tab', 'Enter');
      await pane.shows(/^talking with bob/m);
      calls++;
      return pane.child;
    };
    const isOver = async (phone: number) => {
      await expect.poll(() => endsOf(bob).length, { timeout: 20_000 }).toBe(calls);
      expect(endsOf(bob).at(-1)).toMatchObject({ reason: 'remote-hangup' });
      await expect.poll(() => existsSync(`/proc/${phone}`), { timeout: 20_000 }).toBe(false);
    };

    const stopped = await talk();
    process.kill(stopped, 'SIGTSTP');
    await pane.shows(/Stopped/);
    expect(pane.mode).toBe('shell');
    expect(await pane.settings(false)).toBe(before);
    pane.type('fg', 'Enter');
    await pane.shows(/^talking with bob/m);
    expect(pane.mode).toBe('full screen');
    // Not caught by anybody: see crashing.
    process.kill(stopped, 'SIGPWR');
    await isOver(stopped);
    expect(await pane.settings()).toBe(before);
    expect(pane.mode).toBe('shell');
    expect(pane.screen).toMatch(/^overcall: internal error: crashed as told; rep/m);

    for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
      const phone = await talk();
      process.kill(phone, signal);
      await isOver(phone);
      expect(await pane.settings()).toBe(before);
      expect(pane.mode).toBe('shell');
    }

    const orphan = await talk();
    pane.close();
    await isOver(orphan);
    pane = new Pane(folder);
    await bob.stop();
  });

  it('is no listener’s in the background, who answers while somebody types to the shell', async () => {
    const flags = `--home ${network.homeOf('bob')} --auto-answer ${SILENT.join(' ')}`;
    pane.type(`${process.execPath} ${programFile('softphone')} listen ${flags} &`, 'Enter');
    await pane.shows(/attached to supernode/);
    // One after another, as fingers do: the shell and who reads beside it are woken by each.
    for (let key = 0; key < 40; key++) pane.type('x');
    pane.type('C-u', 'echo $((20 + 3))', 'Enter');
    await pane.shows(/^23$/m);
    const caller = network.overcall('alice', 'carol', 'call', 'bob', ...SILENT, '--duration', '0.1');
    expect(await caller.exited).toBe(0);
    expect(pane.screen).not.toMatch(/Stopped/);
    pane.type('kill %1; wait; echo $((20 + 4))', 'Enter');
    await pane.shows(/^24$/m);
  });
});

const endsOf = (program: Program) => program.events.filter(({ event }) => event === 'ended');

describe('text messages', () => {
  it('come to every softphone of a user and are kept, in a call too; who is blocked learns nothing', async () => {
    const control = join(folder, 'control');
    const first = network.overcall('bob', 'bob', 'listen', '--auto-answer', ...SILENT);
    const second = network.overcall('bob', 'bob', 'listen', ...SILENT);
    await Promise.all([first.waitFor('attached'), second.waitFor('attached')]);
    const sent = await network.result('alice', 'carol', 'message', 'bob', 'are', 'you there?');
    expect(sent).toMatchObject({ event: 'message-delivered', to: 'bob', devices: 2 });
    const shown = { from: 'carol', text: 'are you there?', id: sent.id };
    // Both have one home: one of them kept it first.
    await Promise.race([first.waitFor('message'), second.waitFor('message')]);
    const kept = [first, second].flatMap(({ events }) => events.filter(({ event }) => event === 'message'));
    expect(kept).toEqual([expect.objectContaining(shown)]);

    const caller = network.overcall('alice', 'carol', 'call', 'bob', ...SILENT, '--control', control);
    await caller.waitFor('answered');
    await ask(control, { do: 'message', to: 'bob', text: 'hello' });
    const { callId } = await first.waitFor('message', { where: ({ text }) => text === 'hello' });
    expect(callId).toBe(caller.find('answered')!.callId);
    await caller.waitFor('message-delivered');
    expect(await ask(control, { do: 'hangup' })).toMatchObject({ ok: true });
    expect(await caller.exited).toBe(0);

    await network.result('bob', 'bob', 'contacts', 'block', 'carol');
    const refused = network.overcall('alice', 'carol', 'message', 'bob', 'let me in');
    expect(await refused.exited).toBe(3);
    await Promise.all([first.stop(), second.stop()]);
    const nobody = network.overcall('alice', 'carol', 'message', 'bob', 'anybody?');
    expect(await nobody.exited).toBe(3);
    expect(nobody.stderr).toBe(
      'overcall: the message was not delivered: bob is not attached, or takes none from you; send it again later\n',
    );
    expect(refused.stderr).toBe(nobody.stderr);
    await network.result('bob', 'bob', 'contacts', 'unblock', 'carol');

    const list = network.overcall('bob', 'bob', 'message', 'carol');
    await list.exited;
    expect(list.events).toMatchObject([
      { ...{ text: 'are you there?', state: 'received', direction: 'incoming' } },
      { text: 'hello' },
    ]);
  });
});

/** Asks a softphone over its control socket; what it answers. */
async function ask(path: string, request: object): Promise<unknown> {
  const client = connect(path);
  try {
    client.write(`${JSON.stringify({ ...request, id: 1 })}\n`);
    for await (const line of createInterface({ input: client })) {
      const answer = JSON.parse(line);
      if (answer.event === 'done') return answer;
    }
  } finally {
    client.destroy();
  }
  throw new Error('no answer');
}

describe('two softphones of one user', () => {
  it('both ring, and the other stops by word of the one that is answered, however slow the caller is', async () => {
    const waiting = network.overcall('bob', 'bob', 'listen', ...SILENT);
    await waiting.waitFor('attached');
    const taking = network.overcall('bob', 'bob', 'listen', ...SILENT);
    await taking.waitFor('attached');
    const caller = network.overcall('alice', 'carol', 'call', 'bob', ...SILENT, '--duration', '1');
    await Promise.all([waiting.waitFor('incoming'), taking.waitFor('incoming'), caller.waitFor('ringing')]);
    caller.signal('SIGSTOP');
    taking.type('a');
    expect(await waiting.waitFor('ended')).toMatchObject({ reason: 'remote-hangup', elsewhere: true });
    expect(caller.find('answered')).toBeUndefined();
    caller.signal('SIGCONT');
    await caller.waitFor('answered');
    expect(await caller.exited).toBe(0);
    await Promise.all([waiting.stop(), taking.stop()]);
  });
});
