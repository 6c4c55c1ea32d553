import { fromBase64Url, OvercallError } from '@overcall/wire';
import type { Command } from 'commander';
import { revokeDevice } from '../profile.ts';
import { type CommonOptions, openContext, openProfile } from './common.ts';

/** A key id is a SHA-256. */
const KEY_ID_BYTES = 32;

export function addRevoke(program: Command): void {
  program
    .command('revoke')
    .summary('say that a device is not yours any more')
    .description(
      'Says to the directory that DEVICE (see whoami there) is not yours any more: supernodes drop it, and nobody ' +
        'calls it again. That cannot be taken back.',
    )
    .argument('<device>')
    .addHelpText('after', '\nExample:\n  overcall revoke DRnSZQ0ZnVxFCUmPD7g9bI6Xn4ZCyvMHp2Y0pPZ5d1U')
    .action(async (device: string, _options: unknown, command: Command) => {
      const { home, output } = openContext(command);
      if (fromBase64Url(device)?.length !== KEY_ID_BYTES) throw notADevice(`"${device}" is no device`);
      const profile = await openProfile(home, command.optsWithGlobals<CommonOptions>());
      if (device === profile.identityKeyId || device === profile.keys.identity.x)
        throw notADevice(`${device} is the identity key of ${profile.name}, and no device`);
      await revokeDevice(profile, device, Date.now());
      output.event(
        { event: 'revoked', name: profile.name, device },
        `${device} is no device of ${profile.name} any more`,
      );
    });
}

function notADevice(message: string): OvercallError {
  return new OvercallError('usage', message, {
    remedy:
      'give the 43 characters that overcall whoami shows there, or lookup of your own name while it runs',
  });
}
