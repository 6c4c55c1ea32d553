import { canonicalUsername } from '@overcall/identity';
import type { Command } from 'commander';
import { findUser } from '../find-user.ts';
import { withSoftphone } from './session.ts';

export function addLookup(program: Command): void {
  program
    .command('lookup')
    .summary('certificate and presence of a user')
    .description('Shows the certified key of NAME and whether somebody of that name is attached.')
    .argument('<name>')
    .addHelpText('after', '\nExample:\n  overcall lookup bob --json')
    .action(async (nameInput: string, _options: unknown, command: Command) => {
      const name = canonicalUsername(nameInput);
      await withSoftphone(command, async ({ softphone, profile, contacts, output }) => {
        const user = await findUser(softphone, profile, name);
        softphone.checkContact(name, user.identityKey);
        const attached = user.endpoints.length > 0;
        const verified = contacts.find(name)?.verified ?? false;
        const supernodes = [...new Set(user.endpoints.flatMap(({ supernodes }) => supernodes))];
        const devices = [...new Set(user.endpoints.map(({ device }) => device.deviceId))];
        const { identityKey, certificate } = user;
        const key = { identityKey: identityKey.x, devices };
        output.event(
          { event: 'user', name, ...key, attached, supernodes, verified, certificate },
          [
            `${name}: ${attached ? 'attached' : 'not attached'}, identity key ${identityKey.x}${verified ? ', verified' : ''}`,
            ...devices.map((device) => `device ${device}`),
          ].join('\n'),
        );
      });
    });
}
