#!/usr/bin/env node
// First step of `npm test`, `npm run demo` and the like, started by any Node >= 20 in a clone without
// node_modules: installs what the lock file names (Node 24 among it) and runs the task on that Node.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const bin = join(root, 'node_modules', '.bin');
const stamp = join(root, 'node_modules', '.overcall-lock-sha256');

const TASKS = {
  bench: ['bench/run.ts'],
  demo: ['apps/demo/src/main.ts'],
  test: ['test/run.ts'],
  lab: ['netns-scripts/main.ts'],
  pack: ['packages/release/src/pack.ts'],
};

function say(text) {
  process.stderr.write(`overcall: ${text}\n`);
}

function fail(text, code = 1) {
  say(text);
  process.exit(code);
}

/** What node_modules is made from. Kept there by `npm ci` and `npm install` themselves (postinstall: `stamp`). */
function lockSha256() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

function install() {
  const wanted = lockSha256();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('installing dependencies and Node 24 with npm ci (once, about half a minute)');
  const npm = process.env.npm_execpath
    ? [process.execPath, [process.env.npm_execpath]]
    : [process.platform === 'win32' ? 'npm.cmd' : 'npm', []];
  const done = spawnSync(npm[0], [...npm[1], 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (done.error) fail(`npm cannot be started: ${done.error.message}`);
  if (done.status !== 0) fail('npm ci failed; its message is above. Is the npm registry reachable?');
  writeFileSync(stamp, wanted);
}

const [task, ...args] = process.argv.slice(2);
if (task === 'stamp') {
  writeFileSync(stamp, lockSha256());
  process.exit(0);
}
if (!Object.hasOwn(TASKS, task ?? ''))
  fail(`usage: node bootstrap.mjs ${Object.keys(TASKS).join('|')} [ARGS]`, 2);
const [major] = process.versions.node.split('.').map(Number);
if (major < 20) fail(`Node ${process.versions.node} is too old to start with; version 20 or later is needed`);
install();

// What a task inherits, it hands on to what it starts; only the lab takes this away from its own.
const lifeline =
  task === 'lab' ? { stdio: ['pipe'], env: { OVERCALL_LIFELINE: '3' } } : { stdio: [], env: {} };
const child = spawn(join(bin, 'node'), [...TASKS[task].map((file) => join(root, file)), ...args], {
  cwd: root,
  // The lifeline ends when this process does, however that happens.
  stdio: ['inherit', 'inherit', 'inherit', ...lifeline.stdio],
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, ...lifeline.env },
});
child.once('error', (error) => fail(`the installed Node 24 cannot be started: ${error.message}`));
child.once('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
// Ctrl-C at a terminal reaches the task by itself, and how to end is its business.
process.on('SIGINT', () => isatty(0) || child.kill('SIGINT'));
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
// npm may be killed, too. Then this, or the shell between the two, has another parent.
if (process.env.npm_lifecycle_event) {
  const before = ancestry();
  setInterval(() => ancestry() === before || process.exit(1), 250).unref();
}

/** Everybody up to npm. */
function ancestry() {
  const { ppid } = process;
  try {
    if (readlinkSync(`/proc/${ppid}/exe`) === realpathSync(process.env.npm_node_execpath)) return `${ppid}`;
    const [, shellsParent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${ppid}/stat`, 'utf8'));
    return `${ppid} ${shellsParent}`;
  } catch {
    return `${ppid}`; // elsewhere than on Linux
  }
}
