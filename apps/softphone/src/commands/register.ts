import { canonicalUsername } from '@overcall/identity';
import type { Command } from 'commander';
import { register } from '../profile.ts';
import { SupernodeListStore } from '../supernode-list-store.ts';
import { type CommonOptions, openContext, resolveDirectory } from './common.ts';

export function addRegister(program: Command): void {
  program
    .command('register')
    .summary('make keys if there are none, and register a name')
    .description(
      'Makes keys if there are none, registers NAME with the directory and stores the certificate.',
    )
    .argument('<name>', 'username: letters, digits and . _ - inside')
    .option('--invite <code>', 'invitation, where the directory wants one')
    .addHelpText('after', '\nExample:\n  overcall register alice --directory https://directory.example')
    .action((name: string, _options: unknown, command: Command) => registerName(name, command));
}

/** What `register` and `init` do, with their options. */
export async function registerName(nameInput: string, command: Command): Promise<void> {
  const { home, output, log } = openContext(command);
  const options = command.optsWithGlobals() as CommonOptions & { invite?: string };
  const name = canonicalUsername(nameInput);
  const directory = await resolveDirectory(home, options);
  const profile = await register(home, name, directory, { invite: options.invite, nowMs: Date.now() });
  // So that the first call is possible without the directory; where there is none yet it comes later.
  await new SupernodeListStore(home, directory, options.allowNet ?? [], log).load().catch(() => {});
  output.event(
    {
      event: 'registered',
      name,
      directory: directory.url,
      directoryKey: directory.key.x,
      identityKey: profile.keys.identity.x,
      device: profile.deviceId,
      expiresAt: profile.expiresAt,
    },
    `registered as ${name} with ${directory.url} (directory key ${directory.key.x})`,
  );
}
