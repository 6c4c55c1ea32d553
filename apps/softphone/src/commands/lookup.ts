import { canonicalUsername, peekClaims, UserCertificate } from '@overcall/identity';
import type { Command } from 'commander';
import { findUser } from '../find-user.ts';
import { withSoftphone } from './session.ts';

export function addLookup(program: Command): void {
  program
    .command('lookup')
    .summary('certificate and presence of a user')
    .description('Shows the certificate of NAME, and at which supernodes somebody of that name is attached.')
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
        const names = supernodes.map((id) => softphone.store.byId.get(id)?.name ?? id);
        const until = new Date((peekClaims(UserCertificate, certificate)?.exp ?? 0) * 1000).toISOString();
        const key = { identityKey: identityKey.x, devices };
        output.event(
          { event: 'user', name, ...key, attached, supernodes, verified, certificate },
          [
            `${name}: ${attached ? `attached to ${names.join(', ')}` : 'not attached'}, identity key ${identityKey.x}${verified ? ', verified' : ''}`,
            `certificate until ${until}`,
            ...devices.map((device) => `device ${device}`),
          ].join('\n'),
        );
      });
    });
}
