import { fingerprintDigits, formatDigits } from '@overcall/identity';
import type { Command } from 'commander';
import { loadProfile } from '../profile.ts';
import { openContext } from './common.ts';

export function addWhoami(program: Command): void {
  program
    .command('whoami')
    .summary('name, keys, directory and own safety number')
    .description('Shows name, keys, directory and the safety number of the own key.')
    .addHelpText('after', '\nExample:\n  overcall whoami --json')
    .action(async (_options: unknown, command: Command) => {
      const { home, output } = openContext(command);
      const profile = await loadProfile(home);
      const safetyNumber = formatDigits(fingerprintDigits(profile.name, profile.keys.identity));
      output.event(
        {
          event: 'whoami',
          name: profile.name,
          identityKey: profile.keys.identity.x,
          identityKeyId: profile.identityKeyId,
          device: profile.deviceId,
          directory: profile.directory.url,
          directoryKey: profile.directory.key.x,
          expiresAt: profile.expiresAt,
          safetyNumber,
        },
        [
          `name           ${profile.name}`,
          `identity key   ${profile.keys.identity.x}`,
          `device         ${profile.deviceId}`,
          `directory      ${profile.directory.url}#${profile.directory.key.x}`,
          `certificate    until ${new Date(profile.expiresAt).toISOString()}`,
          `safety number  ${safetyNumber}`,
        ].join('\n'),
      );
    });
}
