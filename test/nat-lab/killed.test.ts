import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { seededRandom } from '../../netns-scripts/src/links/random.test-support.ts';
import { describeLab } from './describe-lab.ts';
import { Family, foreignNamespaces, killIfThere, mounts, startOf } from './processes.ts';

/** How long a killed lab may take to vanish on a busy machine. */
const VANISH_MS = 10_000;
/** In which a lab that stands is hit, and to which the moment of its set-up is drawn. */
const SPREAD_MS = 400;

const OWNER = fileURLToPath(new URL('lab-owner-busy.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SEED = Number(process.env.LAB_KILL_SEED ?? Math.floor(Math.random() * 2 ** 31));

const netns = (): string[] => {
  try {
    return readdirSync('/run/netns');
  } catch {
    return [];
  }
};

await describeLab('after kill -9', () => {
  let family: Family;
  /** For whatever temporary files there might be. */
  let folder: string;
  /** For results: what was asked for stays. */
  let results: string;
  let before: { mounts: string; netns: string[] };
  /** What a test killed. */
  let hit: string;
  const namespaces = new Set<string>();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'killed-'));
    results = mkdtempSync(join(tmpdir(), 'killed-results-'));
    before = { mounts: mounts(), netns: netns() };
    namespaces.clear();
    hit = 'what the test names';
  });

  /** The namespaces of a lab, as far as its processes are in them now. */
  const look = () => {
    for (const link of foreignNamespaces(family.members())) namespaces.add(link);
  };

  afterEach(async () => {
    const startedUntil = await ticksNow();
    const left = await family.remaining(VANISH_MS);
    family.killAll();
    rmSync(results, { recursive: true });
    const files = readdirSync(folder);
    rmSync(folder, { recursive: true });
    expect(left, `hit: ${hit}`).toEqual([]);
    expect(family.holdersOf(namespaces, startedUntil)).toEqual([]);
    expect({ mounts: mounts(), netns: netns() }).toEqual(before);
    expect(files).toEqual([]);
  });

  async function ticksNow(): Promise<number> {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    const ticks = startOf(child.pid!);
    child.kill('SIGKILL');
    await once(child, 'exit');
    return ticks;
  }

  const MOMENTS = ['building', 'building', 'building', 'standing', 'standing', 'standing'];
  const DRAWN = [...MOMENTS, 'proving', 'proving', 'closing', 'closing'];

  test.for(
    DRAWN.map((moment, index) => [moment, SEED + index] as const),
  )('of a random part while it is %s, nothing is left (LAB_KILL_SEED=%i)', async ([moment, seed]) => {
    const random = seededRandom(seed);
    family = new Family([process.execPath, OWNER, moment], { TMPDIR: folder });
    expect(await family.line()).toBe(moment);
    if (moment !== 'building') expect(await family.line()).toBe('stands');
    await delay(random() * SPREAD_MS);
    look();
    const members = family.members();
    const victim = members[Math.floor(random() * members.length)]!;
    hit = victim.command;
    killIfThere(victim.pid);
    // What was hit need not be vital; then this ends the lab. One at a time: when the keeper is hit, its maker sweeps.
    if (victim.command.includes('keeper.sh')) await family.remaining(VANISH_MS, family.child.pid);
    await delay(SPREAD_MS + random() * SPREAD_MS);
    look();
    await family.kill();
  });

  test.for([
    ['npm', 'exec'],
    ['bootstrap.mjs', 'exec'],
    ['main.ts', 'exec'],
    ['npm', 'shell'],
    ['main.ts', 'shell'],
    ['bootstrap.mjs', 'run'],
    ['main.ts', 'run'],
    ['main.ts', 'capture'],
  ] as const)('of %s, nothing is left of npm run lab -- %s', async ([victim, command]) => {
    const argv = ['npm', '--prefix', ROOT, 'run', '--silent', 'lab', '--', ...COMMANDS[command](results)];
    family = new Family(argv, { TMPDIR: folder, NODE_DISABLE_COMPILE_CACHE: '1' }); // npm's would be left
    family.child.stdin!.write('on alice sh -c "sleep 4321 & setsid sleep 4321 & wait"\n');
    const has = (pattern: RegExp) => family.members().find(({ command: line }) => pattern.test(line));
    for (let tries = 0; !has(READY[command]) && tries < 400; tries++) await delay(50);
    expect(has(READY[command])).toBeDefined();
    look();
    if (victim === 'npm') await family.kill();
    else killIfThere(has(new RegExp(`node\\S* \\S*${victim}`))!.pid);
  });
});

const SLEEP = ['sh', '-c', 'sleep 4321 & setsid sleep 4321 & wait'];
const COMMANDS = {
  exec: () => ['exec', 'natPairLossy', 'alice', '--', ...SLEEP],
  shell: () => ['shell', 'natPairLossy'],
  run: (results: string) => ['run', '--results', results, 'natPairLossy'],
  capture: (results: string) => ['capture', '--out', results, 'natPairLossy'],
} as const;
const READY = {
  exec: /^sleep 4321/,
  shell: /^sleep 4321/,
  run: /probe\/prober/,
  capture: /capture\.pl/,
} as const;
