import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { natPair, startLab } from '@overcall/nat-lab';
import { afterEach, expect, test } from 'vitest';
import { describeLab } from './describe-lab.ts';
import { Family, type MarkedProcess, mounts, OWNER } from './processes.ts';

/** How long a killed lab may take to vanish on a busy machine. */
const VANISH_MS = 5_000;

await describeLab('a lab', () => {
  let family: Family;
  afterEach(async () => {
    await family.kill();
    const left = await family.remaining(VANISH_MS);
    family.killAll();
    expect(left).toEqual([]);
  });

  async function startOwner(prefix: readonly string[] = []): Promise<{ uid: number; program: number }> {
    family = new Family([...prefix, process.execPath, OWNER]);
    return JSON.parse(await family.line());
  }

  const find = (pattern: RegExp): MarkedProcess =>
    family.members().find(({ command }) => pattern.test(command)) ?? expect.fail(`no process ${pattern}`);

  test('leaves nothing behind when its maker is killed', async () => {
    const before = mounts();
    await startOwner();
    // Maker, keeper, unshare, holder, two shells' worth of program, capture.
    expect(family.members().length).toBeGreaterThanOrEqual(7);
    await family.kill();
    expect(await family.remaining(VANISH_MS)).toEqual([]);
    expect(mounts()).toBe(before);
  });

  test.for([
    0, 20, 40, 60, 80, 100, 140, 180, 250,
  ])('leaves nothing behind when its maker is killed %i ms after its keeper appeared', async (afterMs) => {
    family = new Family([process.execPath, OWNER]);
    while (!family.members().some(({ command }) => command.includes('keeper.sh'))) await delay(2);
    await delay(afterMs);
    await family.kill();
    expect(await family.remaining(VANISH_MS)).toEqual([]);
  });

  test.for([
    ['its outermost process', /keeper\.sh/],
    ['the process that made the namespaces', /^unshare /],
    ['the process that holds the namespaces', /^sh$/],
    ['the process that plays the links', /shaper-main/],
  ] as const)('vanishes, and says so, when %s is killed', async ([, pattern]) => {
    await startOwner();
    process.kill(find(pattern).pid, 'SIGKILL');
    expect(await family.line()).toBe('gone');
    expect(await family.remaining(VANISH_MS, family.child.pid)).toEqual([]);
  });

  test('outlives a program that is killed, and leaves nothing of it at its end', async () => {
    const { program } = await startOwner();
    process.kill(program, 'SIGKILL');
    await family.kill();
    expect(await family.remaining(VANISH_MS)).toEqual([]);
  });

  const isRoot = process.getuid?.() === 0;
  const why = isRoot ? '' : ' [not root: all the other tests here have just been run by an ordinary user]';
  test.runIf(isRoot)(`can be made by an ordinary user${why}`, async () => {
    const { uid } = await startOwner(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']);
    expect(uid).toBe(65534);
    await family.kill();
    expect(await family.remaining(VANISH_MS)).toEqual([]);
  });
});

await describeLab('a lab that has gone', () => {
  test('starts no program that comes in when it has gone already', async () => {
    const lab = await startLab(natPair());
    const [program, option, line, ...argv] = lab.command('alice', ['/bin/sh', '-c', 'echo started']);
    // An `nsenter` that has opened the namespaces, and has to wait for its turn to go in until the lab has been swept.
    const [, holder] = /--target (\d+) --user/.exec(line!)!;
    const [, net] = /--net=(\S+)/.exec(line!)!;
    const entering = line!
      .replace(/--target \d+ --user/, '--user=/proc/self/fd/5')
      .replace('--mount', '--mount=/proc/self/fd/6')
      .replace(/--net=\S+/, '--net=/proc/self/fd/7');
    const late = `exec 5</proc/${holder}/ns/user 6</proc/${holder}/ns/mnt 7<${net}; echo late; read -r _; ${entering}`;
    // What `env` complains about, in English.
    const env = { ...process.env, LC_ALL: 'C' };
    const child = spawn(program!, [option!, late, ...argv], { stdio: 'pipe', env });
    const [said, complaint] = [text(child.stdout), text(child.stderr)];
    await once(child.stdout, 'readable');
    await lab.close();
    child.stdin.end('\n');
    expect(await said).toBe('late\n');
    expect(await complaint).toContain('cannot change directory');
  });
});
