import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Network } from './network.ts';
import type { Stage } from './stage.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-harness-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A stage on which other programs take the place of ours: they say this, and stay. */
function stageOf(says: Record<string, string>): Stage & { started: number; closed: number } {
  return {
    ...{ kind: 'loopback', description: 'made up', started: 0, closed: 0 },
    addressOf: () => '127.0.0.1',
    command(place) {
      this.started++;
      return ['sh', '-c', 'echo "$1"; exec sleep 600', 'sh', says[place] ?? ''];
    },
    capture: async () => null,
    async close() {
      this.closed++;
    },
  };
}

const childrenOfThisProcess = (): string[] =>
  readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
  );
const LISTENING = JSON.stringify({ event: 'listening', url: 'http://127.0.0.1:1' });

it.each([
  ['a directory', {}, 1],
  ['one of its supernodes', { directory: LISTENING, supernode: LISTENING }, 3],
])('a network of which %s stays silent leaves nothing running', async (_who, says, programs) => {
  const stage = stageOf(says);
  const before = childrenOfThisProcess();
  const options = { supernodes: ['supernode', 'supernode-b'], patienceMs: 4000 };
  await expect(Network.start(stage, folder, options)).rejects.toThrow(/is silent without "listening"/);
  // On a machine that is busy enough the directory may seem silent too.
  expect(stage.started).toBeOneOf([1, programs]);
  expect(childrenOfThisProcess().filter((pid) => !before.includes(pid))).toEqual([]);
  expect(stage.closed).toBe(1);
});

describe('a network that is told to end', () => {
  it.each([
    ['before it starts', 0, 0],
    ['while its directory starts', 1, 1],
    ['while its supernodes start', 2, 3],
  ])('%s starts nothing more and leaves nothing running', async (_when, after, programs) => {
    const end = new AbortController();
    const stage = stageOf(after === 2 ? { directory: LISTENING } : {});
    const { command } = stage;
    stage.command = (...args) => {
      if (stage.started === after - 1) setImmediate(() => end.abort());
      return command.apply(stage, args);
    };
    if (after === 0) end.abort();
    const before = childrenOfThisProcess();
    const options = { supernodes: ['supernode', 'supernode-b'], end: end.signal };
    await expect(Network.start(stage, folder, options)).rejects.toThrow(/abort|ended without "listening"/);
    expect(stage.started).toBe(programs);
    expect(childrenOfThisProcess().filter((pid) => !before.includes(pid))).toEqual([]);
    expect(stage.closed).toBe(1);
  });

  it('when it stands stops every program, and starts no other', async () => {
    const end = new AbortController();
    const stage = stageOf({ directory: LISTENING, supernode: LISTENING });
    const network = await Network.start(stage, folder, { end: end.signal });
    end.abort();
    await Promise.all(network.programs.map(({ exited }) => exited));
    expect(() => network.overcall('alice', 'alice', 'whoami')).toThrow(/abort/);
    await expect(network.restartDirectory()).rejects.toThrow(/abort/);
    await network.close();
    expect(stage.started).toBe(2);
  });
});

it('programs end with the process that started them', async () => {
  const script = `
    import { Program } from ${JSON.stringify(join(import.meta.dirname, 'program.ts'))};
    const program = new Program('it', ['sh', '-c', 'echo hello; exec sleep 600']);
    await program.waitFor('text', { patienceMs: 60_000 });
    console.log(program.pid);
    process.exit(0);
  `;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  expect(Number(stdout)).toBeGreaterThan(0);
  await expect.poll(() => stateOf(stdout.trim()), { timeout: 20_000 }).toMatch(/^$|Z/);
});

/** Z for one that nobody has asked about since it ended. */
function stateOf(pid: string): string {
  const file = `/proc/${pid}/status`;
  return existsSync(file) ? (/^State:\s+(\w)/m.exec(readFileSync(file, 'utf8'))?.[1] ?? '') : '';
}
