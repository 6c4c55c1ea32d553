const BLOCK_AND_UNBLOCK = 'overcall contacts block mallory && overcall contacts unblock mallory';

/**
 * Commands that a page shows, and what is run for each: with values for its placeholders. They run at once, as alice of the
 * README's network, in a home that is thrown away; FOLDER is that home.
 */
export const RUN: ReadonlyMap<string, readonly string[]> = new Map([
  ['overcall --version', ['overcall --version']],
  ['overcall ping bob', ['overcall ping bob']],
  ['overcall ping NAME', ['overcall ping bob']],
  ['overcall message NAME TEXT', ['overcall message bob hello']],
  ['overcall message NAME', ['overcall message bob']],
  ['overcall contacts [list]', ['overcall contacts list']],
  ['overcall contacts block NAME', [BLOCK_AND_UNBLOCK]],
  [
    'overcall completion bash|zsh|fish',
    ['bash', 'zsh', 'fish'].map((shell) => `overcall completion ${shell}`),
  ],
  ['source <(overcall completion bash)', ['source <(overcall completion bash)']],
  [
    'overcall init [NAME]',
    ['overcall init carol --home FOLDER/carol --directory http://127.0.0.1:8080 < /dev/null'],
  ],
  ['overcall-directory run --help', ['overcall-directory run --help']],
  ['overcall-directory key', ['overcall-directory key --data /tmp/overcall/directory']],
  [
    'overcall-directory backup FILE',
    ['overcall-directory backup FOLDER/backup --data /tmp/overcall/directory'],
  ],
  [
    'overcall-supernode init',
    [
      'overcall-supernode init --config FOLDER/supernode.json --directory http://127.0.0.1:8080 --public-address 192.0.2.7 --port 443 < /dev/null',
    ],
  ],
]);

export interface NotRun {
  commands: RegExp;
  /** Why it is not run here. */
  reason: string;
  /** Where the same is tried. */
  alsoBy?: readonly string[];
}

/** What is not run here; that its subcommand, flags, script or file exist is looked at all the same. */
export const NOT_RUN: readonly NotRun[] = [
  {
    commands: /^npm (run demo|run pack|install -g|ci|test|run check|run format|run$)/,
    reason: 'works on the checkout itself, for minutes',
    alsoBy: ['test/e2e/demo.test.ts', 'test/release/packed.test.ts', '.ci/run'],
  },
  {
    commands: /^npm run lab -- /,
    reason: 'needs network namespaces',
    alsoBy: ['test/nat-lab/command.test.ts', 'test/nat-lab/capture.test.ts', 'test/nat-lab/check.test.ts'],
  },
  {
    commands: /^(npm run bench -- |node (--[\w-]+ )*bench\/)/,
    reason: 'measures for minutes, on a machine that is not to do anything else',
  },
  {
    commands: /^node apps\/directory\/src\/status\/take-screenshot/,
    reason: 'writes into docs/',
    alsoBy: ['apps/directory/src/status/browser.test.ts'],
  },
  {
    commands: /^node apps\/demo\/src\/phone-picture/,
    reason: 'writes into docs/, and needs tmux',
  },
  {
    commands: /^overcall-supernode run( --invite CODE| --directory https:.*)$/,
    reason: 'needs a public address',
    alsoBy: ['test/docs/commands.test.ts', 'apps/directory/src/supernode-modes.test.ts'],
  },
  {
    commands: /^overcall-supernode drain /,
    reason: 'ends the supernode that all the others use',
    alsoBy: ['test/e2e/attach.test.ts', 'apps/supernode/src/cli.test.ts'],
  },
  {
    commands: /^overcall-supernode reload /,
    reason: 'needs an admin address, which the supernode of the README has not',
    alsoBy: ['apps/supernode/src/cli.test.ts', 'apps/supernode/src/access.test.ts'],
  },
  {
    commands: /^overcall-directory run --store nats:/,
    reason: 'needs a NATS server',
    alsoBy: ['apps/directory/src/nats/nats-store.test.ts'],
  },
  {
    commands: /^overcall-directory restore /,
    reason: 'wants a directory that is stopped',
    alsoBy: ['test/e2e/restore.test.ts'],
  },
  {
    commands: /^(sudo |systemctl |podman )/,
    reason: 'needs root, systemd or podman',
    alsoBy: ['apps/supernode/src/deploy.test.ts', 'apps/supernode/src/cli/init.test.ts'],
  },
  {
    commands: /^overcall audio (devices|test)\b/,
    reason: 'needs a sound device',
    alsoBy: ['test/audio/devices.test.ts'],
  },
  {
    commands: /^overcall doctor/,
    reason: 'examines the network of this machine, router and all',
    alsoBy: ['test/lab-calls/doctor.test.ts'],
  },
  {
    commands: /^overcall (export|import|revoke) [A-Z]+$/,
    reason: 'asks for a passphrase, or takes the device away that the others use',
    alsoBy: ['test/e2e/identity.test.ts'],
  },
  {
    commands: /^overcall (listen )?--serve$/,
    reason: 'waits for a minute, and needs a public address',
    alsoBy: ['test/e2e/volunteer.test.ts'],
  },
  {
    commands: /^overcall listen (--control PATH|--auto-answer)$/,
    reason: 'goes on until it is stopped',
    alsoBy: ['apps/softphone/src/control/control.test.ts', 'test/docs/commands.test.ts'],
  },
  {
    commands: /^overcall --directory URL$/,
    reason: 'needs a terminal',
    alsoBy: ['test/e2e/phone.test.ts'],
  },
];
