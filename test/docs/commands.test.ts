import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildPrograms } from '@overcall/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksOf, isCommand, linesOf, pages, ROOT, shownCommands } from './documented-commands.ts';
import { isName, unknownIn } from './known-words.ts';
import { NOT_RUN, RUN } from './lists.ts';
import { freePort, Sandbox } from './sandbox.ts';

const shown = [...new Set(shownCommands().map(({ command }) => command))];
const placeOfCall = (text: string): string[] =>
  blocksOf(text)
    .map(({ content }) => linesOf(content))
    .find((lines) => lines.some((line) => line.startsWith('overcall-directory run ')))!;
const ofCall = placeOfCall(pages().find(({ name }) => name === 'README.md')!.text);

describe('commands in README and docs', () => {
  beforeAll(() => buildPrograms());

  it('are marked as shell commands where they stand in blocks', () => {
    const unmarked = pages().flatMap(({ name, text }) =>
      blocksOf(text)
        .filter(({ language, content }) => language === '' && linesOf(content).some(isUnmarkedCommand))
        .map(({ content }) => `${name}: ${content.split('\n')[0]}`),
    );
    expect(unmarked).toEqual([]);
  });

  it('are each run below, or in a list with the reason why not', () => {
    const run = new Set([...ofCall.map((line) => line.replace(/ *&$/, '')), ...RUN.keys()]);
    const reasonOf = (command: string) => NOT_RUN.find(({ commands }) => commands.test(command));
    expect(shown.filter((command) => !run.has(command) && !isName(command) && !reasonOf(command))).toEqual(
      [],
    );
    // And nothing is in the lists that no page shows any more.
    expect([...RUN.keys()].filter((command) => !shown.includes(command))).toEqual([]);
    for (const { commands, reason, alsoBy } of NOT_RUN) {
      expect(
        shown.some((command) => commands.test(command)),
        reason,
      ).toBe(true);
      for (const file of alsoBy ?? []) expect(existsSync(join(ROOT, file)), file).toBe(true);
    }
  });

  it('name only programs, subcommands, flags and scripts that there are', () => {
    const unknown = shown.map((command) => ({ command, unknown: unknownIn(command) }));
    expect(unknown.filter((each) => each.unknown !== null)).toEqual([]);
  });
});

/** In a shell that asks for commands (`lab> ...`) they are those of a node. */
const isUnmarkedCommand = (line: string): boolean =>
  isCommand(line) && !line.startsWith('npm run lab -- shell');

const needsBob = (line: string): boolean => /^overcall (ping|message) /.test(line);

describe('the first steps of the README', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await Sandbox.open();
    sandbox.replace('127.0.0.1:8080', `127.0.0.1:${await freePort()}`);
    sandbox.replace('127.0.0.1:3478', `127.0.0.1:${await freePort()}`);
    sandbox.replace('FOLDER', sandbox.folder);
    sandbox.replace('/tmp/overcall', join(sandbox.folder, 'overcall'));
  });
  afterAll(() => sandbox.close());

  it('work as they stand there: everything up to a call', async () => {
    for (const { line, result } of await sandbox.runScript(ofCall)) {
      expect(result, line).toEqual({ code: 0, output: expect.stringMatching(/./) });
    }
    expect(existsSync(join(sandbox.folder, 'overcall', 'heard.wav'))).toBe(true);
  });

  it('and so do the other commands, as alice, while bob listens', async () => {
    sandbox.environment.OVERCALL_HOME = join(sandbox.folder, 'overcall', 'alice');
    sandbox.begin(
      `overcall listen --home ${join(sandbox.folder, 'overcall', 'bob')} --auto-answer --play null --record null`,
    );
    await sandbox.settled();
    // What needs bob comes first and alone: beside a dozen starting programs a ping may time out on a busy machine.
    const lines = [...new Set([...RUN.values()].flat())];
    const [toBob, others] = [lines.filter(needsBob), lines.filter((line) => !needsBob(line))];
    const expectDone = async (line: string) =>
      expect({ line, ...(await sandbox.run(line)) }).toMatchObject({ line, code: 0 });
    for (const line of toBob) await expectDone(line);
    await Promise.all(others.map(expectDone));
  });
});
