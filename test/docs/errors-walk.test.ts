import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REMEDIES } from '@overcall/cli';
import { NatsServer, NEEDS_NATS, SKIPS_NATS } from '@overcall/harness';
import { type RunningDirectory, startDirectory } from 'overcall-directory';
import { type Supernode, startSupernode } from 'overcall-supernode';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from './documented-commands.ts';
import { contentOf, runHere } from './run-here.ts';

/** Why the database of a directory is another file afterwards, with the same in it. */
const OPENED = 'SQLite notes in the file that it was opened for writing';

/** One error that a person causes. */
interface Case {
  run: string[];
  /** What was given wrong, in the line. */
  names: string;
  /** Where it is another one than that of the table. */
  next?: string;
  env?: Record<string, string>;
  input?: string[];
  /** Why something is written all the same. */
  mayWrite?: string;
}

const root = mkdtempSync(join(tmpdir(), 'overcall-errors-'));
const at = (...parts: string[]): string => join(root, ...parts);
let open: RunningDirectory;
let closed: RunningDirectory;
let invited: RunningDirectory;
let alone: RunningDirectory;
let supernode: Supernode;
let busy: Server;
let nats: NatsServer | null = null;
let natsAlone: NatsServer | null = null;
let data: string;
const busyAddress = () => `127.0.0.1:${(busy.address() as { port: number }).port}`;

const home = (name: string) => ['--home', at(name)];
const softphone = (...args: string[]) => ['overcall', ...args];

beforeAll(async () => {
  // Apart from what is watched: a directory that runs writes.
  data = mkdtempSync(join(tmpdir(), 'overcall-errors-data-'));
  const start = (name: string, registration: 'open' | 'closed' | 'invite' = 'open') =>
    startDirectory({ listen: '127.0.0.1:0', dataDir: join(data, name), registration });
  [open, closed, invited, alone] = await Promise.all([
    start('open'),
    start('closed', 'closed'),
    start('invited', 'invite'),
    start('alone'),
  ]);
  supernode = await startSupernode({
    directory: open.url,
    listen: ['127.0.0.1:0'],
    publicAddresses: ['127.0.0.1'],
    allowNets: ['127.0.0.0/8'],
    name: 'one',
    dataDirectory: join(data, 'supernode'),
  });
  await supernode.whenReady();
  if (!SKIPS_NATS) {
    [nats, natsAlone] = await Promise.all([
      NatsServer.start({ config: 'authorization { user: "me", password: "secret" }' }),
      NatsServer.start({ jetStream: false }),
    ]);
  }
  busy = createServer().listen(0, '127.0.0.1');
  await once(busy, 'listening');
  await registerAll();
  if (nats !== null) await done(onNats(natsUser(), 'key', '--data', join(data, 'on-nats')));
  await makeWrongFiles();
});
afterAll(async () => {
  await supernode.close();
  await Promise.all([open, closed, invited, alone].map((directory) => directory.close()));
  await Promise.all([nats?.close(), natsAlone?.close()]);
  busy.close();
  for (const folder of [root, data]) rmSync(folder, { recursive: true, force: true });
});

const NET = ['--allow-net', '127.0.0.0/8'];
const QUIET = ['--play', 'null', '--record', 'null'];
const PASSPHRASE = ['correct horse battery\n'];
const alice = (...args: string[]) => softphone(...args, ...home('alice'));
const register = (directory: string, name: string, folder = 'new', ...more: string[]) =>
  softphone('register', name, '--directory', directory, ...more, ...home(folder));
const operator = (...args: string[]) => ['overcall-directory', ...args];
const runSupernode = (...args: string[]) => ['overcall-supernode', 'run', '--data', at('supernode'), ...args];
const relay = (...more: string[]) =>
  runSupernode('--directory', open.url, '--listen', '127.0.0.1:0', '--public-address', '127.0.0.1', ...more);

async function done(run: string[], input?: string[]): Promise<void> {
  const { code, stderr } = await runHere(run, input ? { input } : {});
  expect({ run, code, stderr }).toEqual({ run, code: 0, stderr: '' });
}

async function registerAll(): Promise<void> {
  for (const name of ['alice', 'bob']) await done(register(open.url, name, name));
  await done(register(alone.url, 'carol', 'carol'));
  await done(alice('export', at('alice.export')), PASSPHRASE);
  await done(softphone('import', at('alice.export'), ...home('revoked')), PASSPHRASE);
  const { stdout } = await runHere(softphone('whoami', '--json', ...home('revoked')));
  await done(alice('revoke', JSON.parse(stdout).device));
  // What is kept of supernodes, and the files of a directory, are there before it goes wrong.
  await done(alice('lookup', 'bob', ...NET));
  await (await startDirectory({ listen: '127.0.0.1:0', dataDir: at('directory') })).close();
}

/** A copy of alice's home in which one file is another one. */
function damaged(name: string, file: string, change: (path: string) => void): void {
  cpSync(at('alice'), at(name), { recursive: true });
  change(at(name, file));
}

const garbage = (path: string) => writeFileSync(path, 'garbage', { mode: 0o600 });
const asFolder = (path: string) => {
  rmSync(path, { force: true });
  mkdirSync(path, { mode: 0o700 });
};

async function makeWrongFiles(): Promise<void> {
  damaged('open-keys', 'keys.json', (path) => chmodSync(path, 0o644));
  damaged('no-keys', 'keys.json', asFolder);
  damaged('bad-keys', 'keys.json', garbage);
  damaged('no-account', 'account.json', (path) => rmSync(path));
  damaged('bad-messages', 'messages.sqlite', garbage);
  damaged('no-contacts', 'contacts.json', asFolder);
  damaged('swapped', 'contacts.json', (path) => {
    const key = JSON.parse(readFileSync(at('alice', 'account.json'), 'utf8')).directory.key;
    writeFileSync(path, JSON.stringify({ bob: { key, verified: true, since: 1 } }), { mode: 0o600 });
  });
  damaged('full', 'blocked.json', (path) => {
    const names = Array.from({ length: 10_000 }, (_, index) => [`user${index}`, { since: 1 }]);
    writeFileSync(path, JSON.stringify(Object.fromEntries(names)), { mode: 0o600 });
  });
  for (const [folder, file] of [
    ['bad-key', 'key.json'],
    ['bad-database', 'directory.sqlite'],
  ] as const) {
    cpSync(at('directory'), at(folder), { recursive: true });
    garbage(at(folder, file));
  }
  cpSync(at('directory'), at('open-key'), { recursive: true });
  chmodSync(at('open-key', 'key.json'), 0o644);
  for (const file of ['tls-key.pem', 'tls-certificate.pem']) {
    cpSync(at('directory'), at('bad-tls'), { recursive: true });
    garbage(at('bad-tls', file));
  }
  writeFileSync(at('empty.wav'), '');
  writeFileSync(at('text.wav'), 'no sound');
  // Where nobody reads all that is there.
  writeFileSync(join(data, 'huge.wav'), '');
  truncateSync(join(data, 'huge.wav'), 3.9e9);
  execFileSync('mkfifo', [join(data, 'pipe.wav')]);
  writeFileSync(at('settings.json'), '{ "lissten": 1 }');
  writeFileSync(at('broken.json'), '{');
}

const onNats = (address: string, ...args: string[]) => operator(...args, '--store', `nats://${address}`);
/** Has a directory with a key of its own. */
const natsUser = () => `me:secret@${nats!.address}/errors`;

const identityKey = (): string => JSON.parse(readFileSync(at('alice', 'keys.json'), 'utf8')).identity.x;

/** By the code of the error. */
const CASES: Record<string, () => Case[]> = {
  usage: () => [
    { run: ['overcall'], names: 'no command' },
    { run: softphone('audio'), names: 'no command' },
    { run: operator(), names: 'no command' },
    { run: ['overcall-supernode'], names: 'no command' },
    { run: softphone('cal'), names: "'cal'", next: 'Did you mean call?); see overcall --help' },
    { run: softphone('call'), names: "'name'" },
    { run: softphone('call', 'bob', 'x'), names: 'bob, x' },
    { run: softphone('call', 'bob', '--bogus\x1b[2J'), names: '--bogus\ufffd[2J' },
    { run: softphone('call', 'bob', '--path', 'up'), names: "'up'" },
    { run: softphone('call', 'bob', '--duration', '-1'), names: '--duration' },
    { run: softphone('completion', 'csh'), names: 'csh' },
    { run: alice('call', 'bob'), env: { OVERCALL_DURATION: 'long' }, names: 'OVERCALL_DURATION' },
    {
      run: alice('listen', '--config', at('nowhere')),
      names: at('nowhere'),
      next: 'give one that is there',
    },
    { run: alice('listen', '--config', at('broken.json')), names: at('broken.json'), next: 'mend it there' },
    { run: alice('listen', '--config', at('settings.json')), names: 'lissten' },
    {
      run: register('', 'x').filter((word) => word !== '--directory' && word !== ''),
      names: 'directory',
      next: 'give one with --directory URL',
    },
    {
      run: softphone('init', 'x', ...home('new')),
      names: '--directory',
      next: 'give it, or start in a terminal, which asks',
    },
    {
      run: softphone('phone', ...home('alice')),
      names: 'terminal',
      next: 'without one use overcall listen or overcall call',
    },
    {
      run: alice('call', 'alice', ...QUIET, ...NET, '--json'),
      names: 'alice',
      next: 'give the name of somebody else',
    },
    {
      run: alice('export', at('x')),
      names: 'passphrase',
      next: 'give it in a terminal, or as a line on standard input',
    },
    {
      run: alice('revoke', 'mine'),
      names: '"mine"',
      next: 'give the 43 characters that overcall whoami shows there',
    },
    // A character too many bits of which are set; and what looks like a device, and is none.
    { run: alice('revoke', `${'A'.repeat(42)}B`), names: 'is no device', next: 'give the 43 characters' },
    {
      run: alice('revoke', identityKey()),
      names: 'is the identity key of alice',
      next: 'give the 43 characters',
    },
    {
      run: alice('verify', 'bob', '--number', '123', ...NET),
      names: '"123"',
      next: 'give all 60 digits, blanks between them or not',
    },
    {
      run: alice('listen', '--on-event', at('nowhere'), ...QUIET, ...NET),
      names: at('nowhere'),
      next: 'give one that is there and executable',
    },
    { run: relay('--name', ''), names: '--name', next: 'give one of 1 to 64' },
    { run: runSupernode(), names: '--directory' },
    { run: ['overcall-supernode', 'status'], names: '--admin' },
    { run: ['overcall-supernode', 'run', '--max-calls', 'many'], names: '--max-calls' },
    {
      run: operator('run', '--tls-cert', 'x'),
      names: '--tls-key',
      next: 'give both and no --tls, or --tls self alone',
    },
    {
      run: operator('run', '--listen', '192.0.2.1:1', '--data', at('unmade')),
      names: '192.0.2.1:1',
      next: 'use --tls self, --tls-cert and --tls-key, or --insecure-http',
    },
    { run: operator('invite', '--count', '0'), names: '--count' },
  ],
  'username-invalid': () => [{ run: register(open.url, 'al ice'), names: 'username' }],
  'bad-directory-url': () => [
    { run: register('ftp://x', 'x'), names: 'ftp://x' },
    { run: register(`${open.url}#x`, 'x'), names: '#', next: 'take it from overcall-directory key' },
  ],
  'insecure-directory': () => [
    {
      run: register('http://192.0.2.1', 'x'),
      names: 'http://192.0.2.1',
      next: 'use https://, or --insecure-http in a lab',
    },
  ],
  'bad-proxy': () => [
    { run: register('https://192.0.2.1', 'x'), env: { https_proxy: 'ftp://x' }, names: 'proxy' },
  ],
  'bad-address': () => [
    { run: operator('run', '--listen', 'here'), names: '"here"' },
    { run: ['overcall-supernode', 'status', '--admin', 'here'], names: '--admin "here"' },
    { run: alice('call', 'bob', ...QUIET, '--bind', 'here'), names: '--bind here' },
    {
      run: runSupernode('--directory', open.url, '--listen', 'x', '--public-address', '127.0.0.1'),
      names: '"x"',
    },
    { run: relay('--public-address', '::1'), names: '::1' },
  ],
  'bad-allow-net': () => [{ run: relay('--allow-net', 'lan'), names: '"lan"' }],
  'bad-access-rule': () => [{ run: relay('--allow', '192.0.2.1'), names: '192.0.2.1/32' }],
  'audio-spec-unknown': () => [
    {
      run: alice('call', 'bob', '--play', 'song', '--record', 'null'),
      names: '"song"',
      next: 'use x.wav, tone[:HZ], mic[:DEVICE] or null',
    },
    {
      run: alice('call', 'bob', '--play', 'null', '--record', 'x.mp3'),
      names: '"x.mp3"',
      next: 'use x.wav, speaker[:DEVICE] or null',
    },
    {
      run: alice('listen', ...QUIET, '--ring', 'x'),
      names: 'ring on "x"',
      next: 'use speaker[:DEVICE] or off',
    },
    {
      run: alice('listen', ...QUIET, '--ring', 'x.wav'),
      names: 'ring on "x.wav"',
      next: 'use speaker[:DEVICE] or off',
    },
  ],
  'audio-program-unknown': () => [
    {
      run: alice('audio', 'devices', '--audio-program', 'zz'),
      names: '"zz"',
      next: 'use auto, pulse, pipewire, alsa, ffmpeg, sox',
    },
  ],
  'audio-device-missing': () => [
    {
      run: alice('audio', 'devices'),
      env: { PATH: '' },
      names: 'microphone',
      next: 'start or install one',
    },
  ],
  'recording-missing': () => [
    { run: alice('call', 'bob', '--play', at('no.wav'), '--record', 'null'), names: at('no.wav') },
  ],
  'recording-unreadable': () => [
    {
      run: alice('call', 'bob', '--play', root, '--record', 'null'),
      names: `${root} is a folder`,
      next: 'give the path of a recording in it',
    },
  ],
  'recording-too-large': () => [
    {
      run: alice('call', 'bob', '--play', join(data, 'huge.wav'), '--record', 'null'),
      names: join(data, 'huge.wav'),
    },
  ],
  'recording-not-wav': () => [
    { run: alice('call', 'bob', '--play', at('text.wav'), '--record', 'null'), names: at('text.wav') },
  ],
  'recording-empty': () => [
    { run: alice('call', 'bob', '--play', at('empty.wav'), '--record', 'null'), names: at('empty.wav') },
  ],
  'recording-unwritable': () => [
    { run: alice('call', 'bob', '--play', 'null', '--record', at('no', 'x.wav')), names: at('no', 'x.wav') },
    {
      run: alice('call', 'bob', '--play', 'null', '--record', join(data, 'pipe.wav')),
      names: join(data, 'pipe.wav'),
      next: 'give the path of one',
    },
  ],
  'control-unusable': () => [
    { run: alice('listen', ...QUIET, '--control', at('alice')), names: at('alice') },
  ],
  'message-invalid': () => [
    {
      run: alice('message', 'bob', 'x'.repeat(1001), ...NET),
      names: '1000',
    },
  ],
  'passphrase-too-short': () => [
    { run: alice('export', at('x')), input: ['short\n'], names: '8 characters' },
  ],
  'passphrase-wrong': () => [
    {
      run: softphone('import', at('alice.export'), ...home('new')),
      input: ['wrong horse\n'],
      names: 'passphrase',
    },
  ],
  'export-unusable': () => [
    { run: softphone('import', at('none'), ...home('new')), input: PASSPHRASE, names: at('none') },
    { run: softphone('import', at('text.wav'), ...home('new')), input: PASSPHRASE, names: at('text.wav') },
    { run: softphone('import', root, ...home('new')), input: PASSPHRASE, names: root },
  ],
  'file-exists': () => [
    { run: alice('export', at('alice.export')), input: PASSPHRASE, names: at('alice.export') },
    { run: operator('backup', at('empty.wav'), '--data', at('directory')), names: at('empty.wav') },
  ],
  'not-registered': () => [
    { run: softphone('whoami', ...home('new')), names: 'registered' },
    { run: softphone('call', 'bob', ...QUIET, ...home('new')), names: 'registered' },
  ],
  'already-registered': () => [{ run: register(open.url, 'other', 'alice'), names: 'alice' }],
  'name-taken': () => [{ run: register(open.url, 'alice', 'second'), names: '"alice"' }],
  'key-taken': () => [{ run: register(open.url, 'other', 'no-account'), names: 'identity key' }],
  'registration-closed': () => [{ run: register(closed.url, 'x', 'third'), names: 'new users' }],
  'invite-needed': () => [{ run: register(invited.url, 'x', 'third'), names: 'invite' }],
  'invite-invalid': () => [{ run: register(invited.url, 'x', 'third', '--invite', 'no'), names: 'invite' }],
  'directory-unreachable': () => [{ run: register('http://127.0.0.1:1', 'x'), names: 'http://127.0.0.1:1' }],
  'directory-key-changed': () => [
    { run: register(`${open.url}#${alone.key.x}`, 'x'), names: open.url },
    { run: alice('lookup', 'bob', '--directory', `${open.url}#${alone.key.x}`), names: open.url },
  ],
  'certificate-wrong-directory': () => [
    { run: register(alone.url, 'alice', 'alice'), names: open.url },
    { run: alice('lookup', 'bob', '--directory', alone.url), names: alone.url },
  ],
  'no-supernodes': () => [{ run: softphone('lookup', 'bob', ...home('carol')), names: alone.url }],
  'supernode-unreachable': () => [
    {
      run: ['overcall-supernode', 'status', '--admin', '127.0.0.1:1'],
      names: '127.0.0.1:1',
      next: 'give the --admin of one that runs',
    },
  ],
  'unknown-user': () => [{ run: alice('lookup', 'nobody', ...NET), names: '"nobody"' }],
  'not-attached': () => [{ run: alice('call', 'bob', ...QUIET, ...NET, '--json'), names: 'bob' }],
  'device-revoked': () => [
    {
      run: softphone('lookup', 'bob', ...NET, ...home('revoked')),
      names: 'revoked',
      next: 'overcall import FILE --home DIR',
      mayWrite: 'the list that says so is kept',
    },
  ],
  'safety-number-differs': () => [
    { run: alice('verify', 'bob', '--number', '1'.repeat(60), ...NET), names: 'bob' },
  ],
  'contact-key-changed': () => [
    {
      run: softphone('verify', 'bob', ...NET, ...home('swapped')),
      names: 'bob',
      next: 'verify it in a terminal, or with --number',
    },
  ],
  'key-file-open': () => [
    {
      run: softphone('whoami', ...home('open-keys')),
      names: 'open-keys/keys.json',
      next: `close it: chmod 600 ${at('open-keys', 'keys.json')}`,
    },
    {
      run: operator('run', '--data', at('open-key')),
      names: 'key.json',
      next: `close it: chmod 600 ${at('open-key', 'key.json')}`,
    },
  ],
  'key-file-unreadable': () => [{ run: softphone('whoami', ...home('no-keys')), names: 'keys.json' }],
  'key-file-damaged': () => [{ run: operator('key', '--data', at('bad-key')), names: 'key.json' }],
  'state-damaged': () => [
    {
      run: softphone('whoami', ...home('bad-keys')),
      names: 'keys.json',
      next: 'put back a copy, or overcall import an export (else the name is lost)',
    },
  ],
  'state-unreadable': () => [{ run: softphone('contacts', ...home('no-contacts')), names: 'contacts.json' }],
  'state-unwritable': () => [
    {
      run: softphone('register', 'x', '--directory', open.url),
      env: { OVERCALL_HOME: '', XDG_CONFIG_HOME: at('none'), XDG_DATA_HOME: '/sys' },
      names: '/sys/overcall',
    },
  ],
  'messages-unusable': () => [
    { run: softphone('message', 'bob', ...home('bad-messages')), names: 'messages.sqlite' },
  ],
  'too-many-blocked': () => [
    { run: softphone('contacts', 'block', 'mallory', ...home('full')), names: 'blocked' },
  ],
  'tls-files-damaged': () => [
    {
      run: operator('run', '--data', at('bad-tls'), '--tls', 'self', '--listen', '127.0.0.1:0'),
      names: at('bad-tls'),
    },
  ],
  'tls-file-unusable': () => [
    {
      run: operator('run', '--data', at('directory'), '--tls-cert', '/no', '--tls-key', '/no'),
      names: '/no',
    },
  ],
  'store-file-unusable': () => [{ run: onNats('127.0.0.1:1?creds=/no', 'users'), names: '/no' }],
  'store-not-allowed': () => [
    { run: onNats(nats!.address, 'users'), names: `${nats!.address}/overcall` },
    { run: onNats(`me:wrong@${nats!.address}`, 'users'), names: 'user or password' },
  ],
  'store-without-jetstream': () => [{ run: onNats(natsAlone!.address, 'users'), names: natsAlone!.address }],
  'store-unusable': () => [
    { run: onNats(`me:secret@${nats!.address}/three?replicas=3`, 'users'), names: 'replicas' },
  ],
  'store-other-key': () => [
    { run: onNats(natsUser(), 'run', '--data', at('directory')), names: '/errors' },
    { run: onNats(natsUser(), 'key', '--data', at('directory')), names: '/errors' },
  ],
  'store-unreachable': () => [
    { run: onNats('127.0.0.1:1', 'users'), names: 'nats://127.0.0.1:1/overcall (ECONNREFUSED)' },
    { run: onNats('127.0.0.1:1', 'run', '--data', at('directory')), names: '127.0.0.1:1' },
  ],
  'backup-unusable': () => [
    { run: operator('restore', at('none'), '--data', at('unmade')), names: at('none') },
    {
      run: operator('restore', at('text.wav'), '--data', at('unmade')),
      names: at('text.wav'),
    },
  ],
  'backup-failed': () => [
    {
      run: operator('backup', at('no', 'x'), '--data', at('directory')),
      names: at('no', 'x'),
      mayWrite: OPENED,
    },
  ],
  'no-directory': () => [
    { run: operator('users', '--data', at('none')), names: at('none') },
    ...(nats === null
      ? []
      : [
          {
            run: onNats(`me:secret@${nats.address}/empty`, 'users'),
            names: '/empty',
            next: 'start one on it: overcall-directory run --store',
          },
        ]),
  ],
  'data-dir-unusable': () => [{ run: operator('run', '--data', '/dev/null/x'), names: '/dev/null/x' }],
  'data-dir-in-use': () => [
    { run: operator('run', '--data', join(data, 'open')), names: join(data, 'open') },
    { run: relay('--data', join(data, 'supernode')), names: join(data, 'supernode') },
  ],
  'database-unusable': () => [
    { run: operator('users', '--data', at('bad-database')), names: 'directory.sqlite' },
  ],
  'port-in-use': () => [
    {
      run: operator('run', '--data', at('directory'), '--listen', busyAddress()),
      names: busyAddress(),
      mayWrite: OPENED,
    },
  ],
  'cannot-listen': () => [
    {
      run: operator('run', '--data', at('directory'), '--listen', '192.0.2.1:1', '--insecure-http'),
      names: '192.0.2.1:1',
      mayWrite: OPENED,
    },
  ],
  'unknown-supernode': () => [
    {
      run: operator('supernodes', 'approve', 'x', '--data', at('directory')),
      names: ' x ',
      mayWrite: OPENED,
    },
  ],
};

/** Caused by more than one command, or by the state of a network: the test that does so, which names the code. */
const ELSEWHERE: Record<string, string> = {
  'call-in-progress': 'apps/softphone/src/control/control.test.ts',
  'no-such-call': 'apps/softphone/src/control/control.test.ts',
  'output-unwritable': 'packages/cli/src/output-watch.test.ts',
  'clock-wrong': 'apps/supernode/src/self-test/host-checks.test.ts',
  'host-unfit': 'apps/supernode/src/self-test/host-checks.test.ts',
  'not-reachable': 'apps/directory/src/dial-back-desk.test.ts',
  'supernode-removed': 'apps/directory/src/supernodes.test.ts',
  'approval-needed': 'apps/directory/src/supernodes.test.ts',
  'not-allowed': 'apps/softphone/src/supernode-pool.test.ts',
  'refused-address': 'apps/supernode/src/access.test.ts',
  draining: 'apps/softphone/src/supernode-pool.test.ts',
  overloaded: 'apps/softphone/src/supernode-pool.test.ts',
  'rate-limited': 'apps/directory/src/lookups.test.ts',
  'too-many-endpoints': 'packages/overlay/src/control-plane.test.ts',
  'certificate-expired': 'packages/overlay/src/control-plane.test.ts',
  'no-path': 'test/e2e/no-relay.test.ts',
  interrupted: 'packages/cli/src/ask.test.ts',
};

/** Whether a test has the code as a string of its own, in what it does: comments and names of tests do not count. */
function isHeldTo(code: string, file: string): boolean {
  const source = readFileSync(join(ROOT, file), 'utf8')
    .replace(/^\s*(?:\/\/|\/?\*).*$/gm, '')
    .replace(/\b(?:it|describe)(?:\.each)?\((?:'[^'\n]*'|"[^"\n]*")/g, '');
  return file.endsWith('.test.ts') && source.includes(`'${code}'`);
}

const OTHERS_LIE = 'only a directory, supernode or peer that lies, or a damaged message, brings it about';
/** What nobody brings about by what is typed, or by the files and variables of their own. */
const NOT_BY_A_USER: Record<string, string> = {
  'agreement-key-invalid': 'a key of another length in keys.json is refused as state-damaged before',
  'supernode-certificate-differs': OTHERS_LIE,
  'certificate-invalid': OTHERS_LIE,
  'certificate-early': 'the clock of a supernode, or of the other softphone, is behind',
  'certificate-conflict': OTHERS_LIE,
  'signature-invalid': OTHERS_LIE,
  'signature-expired': OTHERS_LIE,
  'signature-early': OTHERS_LIE,
  'signature-wrong-audience': OTHERS_LIE,
  'stale-proof': OTHERS_LIE,
  'presence-mismatch': OTHERS_LIE,
  'not-ready': 'a supernode says so while it starts, and another is tried',
  'not-listed': 'the directory takes a supernode off its list',
  'list-expired': 'a supernode has been without its directory for 30 days',
  'list-full': 'the directory has reached the most that its list takes',
  'no-common-version': 'there is one version so far',
  version: 'there is one version so far',
  'not-direct':
    'the NATs of both sides bring it about: test/e2e/call.test.ts and ping.test.ts have it with exit 6',
  'caller-blocked': 'what the softphone of the one who blocks logs about a caller: no command ends with it',
  'too-many-messages': 'sent faster than a hand types: the interactive phone and --control alone could',
};

it('every code of the table is caused here, or elsewhere, or by nobody, for a reason', () => {
  const known = [...Object.keys(CASES), ...Object.keys(ELSEWHERE), ...Object.keys(NOT_BY_A_USER)];
  expect(known.toSorted()).toEqual([...REMEDIES.keys()].toSorted());
  const silent = Object.entries(ELSEWHERE).filter(([code, file]) => !isHeldTo(code, file));
  expect(silent).toEqual([]);
});

/** On a real server. */
const ON_NATS = ['store-not-allowed', 'store-without-jetstream', 'store-unusable', 'store-other-key'];
const codes = Object.keys(CASES).filter((code) => !SKIPS_NATS || !ON_NATS.includes(code));
it.skipIf(SKIPS_NATS)(`errors of a store on NATS${NEEDS_NATS}`, () => {
  expect(codes).toEqual(expect.arrayContaining(ON_NATS));
});
/** A remedy with `{command}` in place of the command that was typed. */
const withoutCommand = (text: string): string => text.replace(/overcall[a-z -]* --help/, '{command} --help');

it.each(
  codes,
)('%s: one line names what is wrong and says what to do, and nothing is changed', async (code) => {
  const { exit, next: general, isInMessage } = REMEDIES.get(code)!;
  for (const { run, names, next, env, input, mayWrite } of CASES[code]!()) {
    const before = contentOf(root);
    const ended = await runHere(run, { ...(env ? { env } : {}), ...(input ? { input } : {}) });
    expect(ended.stderr, run.join(' ')).toMatch(/^overcall(-directory|-supernode)?: [^\p{C}]{1,400}\n$/u);
    expect(ended.stderr).toContain(names);
    expect(isInMessage === true && next === undefined, 'a message that says it is checked by its text').toBe(
      false,
    );
    expect(withoutCommand(ended.stderr)).toContain(withoutCommand(next ?? general));
    expect({ run, code: ended.code }).toEqual({ run, code: exit });
    if (!mayWrite) expect(contentOf(root)).toEqual(before);
  }
});

it('takes an export that others can read, for it is sealed, and warns in one line', async () => {
  const file = at('alice.export');
  chmodSync(file, 0o644);
  const ended = await runHere(softphone('import', file, ...home('open-export')), { input: PASSPHRASE });
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({
    code: 0,
    stderr: `overcall: warning: others on this machine can read ${file} and guess at its passphrase; delete it, or: chmod 600 ${file}\n`,
  });
});
