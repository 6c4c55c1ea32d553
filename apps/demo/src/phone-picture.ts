/**
 * `node apps/demo/src/phone-picture.ts FILE.svg`: a picture of the interactive phone in a real call, for README and docs. A
 * directory, a supernode and three softphones run on loopback; what tmux shows of alice's phone is drawn.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Network, openLoopbackStage, programFile, sharedCode } from '@overcall/harness';
import { terminalSvg } from './terminal-svg.ts';

const COLUMNS = 92;
const ROWS = 18;
const PATIENCE_MS = 60_000;
const SPEECH = (name: string) =>
  fileURLToPath(new URL(`../../../test/recordings/${name}.wav`, import.meta.url));

const file = process.argv[2];
if (file === undefined) {
  process.stderr.write('usage: node apps/demo/src/phone-picture.ts FILE.svg\n');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'overcall-picture-'));
const tmux = (...argv: string[]) =>
  execFileSync('tmux', ['-S', join(folder, 'tmux'), '-f', '/dev/null', ...argv], {
    encoding: 'utf8',
    env: { ...process.env, ...sharedCode(), OVERCALL_NO_PORT_MAPPING: '1' },
  });
const type = (...keys: string[]) => tmux('send-keys', ...keys);

async function shows(text: RegExp): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !text.test(tmux('capture-pane', '-p')); )
    if (Date.now() > end) throw new Error(`the phone does not show ${text}:\n${tmux('capture-pane', '-p')}`);
    else await new Promise((resolve) => setTimeout(resolve, 50));
}

const network = await Network.start(openLoopbackStage(), folder);
try {
  for (const name of ['alice', 'bob', 'carol', 'dave']) await network.register(name, name);
  for (const name of ['carol', 'dave']) await network.result('alice', 'alice', 'contacts', 'add', name);
  const { safetyNumber } = await network.result('bob', 'bob', 'verify', 'alice', '--show');
  await network.result('alice', 'alice', 'verify', 'bob', '--number', String(safetyNumber));
  const speaks = ['--play', SPEECH('bob'), '--record', 'null'];
  const bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', ...speaks);
  const carol = network.overcall('carol', 'carol', 'listen', '--play', 'null', '--record', 'null');
  await Promise.all([bob.waitFor('attached'), carol.waitFor('attached')]);

  const phone = [process.execPath, programFile('softphone'), '--home', network.homeOf('alice')];
  const flags = ['--bind', '127.0.0.1', '--play', SPEECH('alice'), '--record', 'null'];
  tmux('new-session', '-d', '-x', String(COLUMNS), '-y', String(ROWS), ...phone, 'phone', ...flags);
  await shows(/carol +attached/);
  await shows(/dave +away/);
  await network.result('carol', 'carol', 'message', 'alice', 'coffee at four?');
  await shows(/carol: coffee/);
  type('d', 'bo', 'Tab', 'Enter');
  // On a machine that has no time a call is no picture of one.
  await shows(/talking with bob {2}0:0[3-9][\s\S]*R [5-9]\d\n/);
  const screen = tmux('capture-pane', '-e', '-p');
  writeFileSync(file, terminalSvg(screen, COLUMNS, 'overcall'));
  process.stdout.write(`${file}: alice talks with bob\n`);
  type('b', 'q');
} finally {
  try {
    tmux('kill-server');
  } catch {
    // It has ended with the phone.
  }
  await network.close();
  rmSync(folder, { recursive: true, force: true });
}
