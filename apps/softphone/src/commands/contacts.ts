import { canonicalUsername } from '@overcall/identity';
import type { Command } from 'commander';
import { BlockList } from '../block-list.ts';
import { findUser } from '../find-user.ts';
import { type Context, openContext } from './common.ts';
import { withSoftphone } from './session.ts';
import { refuseYourself } from './yourself.ts';

export function addContacts(program: Command): void {
  const contacts = program
    .command('contacts')
    .summary('who is a contact, and who may not call')
    .description(
      'Contacts may learn your address before the answer, and may call where only contacts may. Whom you call becomes one. ' +
        'Calls and pings of who is blocked are dropped as if nobody were there.',
    )
    .addHelpText('after', '\nExample:\n  overcall contacts\n  overcall contacts block mallory');
  contacts
    .command('list', { isDefault: true })
    .summary('list contacts and who is blocked')
    .description('Lists contacts and who is blocked.')
    .addHelpText('after', '\nExample:\n  overcall contacts list --json')
    .action((_options: unknown, command: Command) => list(openContext(command)));
  contacts
    .command('add')
    .summary('make somebody a contact without calling')
    .description('Looks NAME up and remembers the key.')
    .argument('<name>')
    .addHelpText('after', '\nExample:\n  overcall contacts add bob')
    .action((name: string, _options: unknown, command: Command) => add(command, canonicalUsername(name)));
  const verbs = [
    ['remove', 'forget a contact and the key', 'Forgets NAME and the key.'],
    ['block', 'drop calls and pings of somebody', 'Drops calls and pings of NAME from now on.'],
    ['unblock', 'let somebody call again', 'Lets NAME call again.'],
  ] as const;
  for (const [verb, summary, description] of verbs)
    contacts
      .command(verb)
      .summary(summary)
      .description(description)
      .argument('<name>')
      .addHelpText('after', `\nExample:\n  overcall contacts ${verb} bob`)
      .action((name: string, _options: unknown, command: Command) =>
        change(openContext(command), verb, canonicalUsername(name)),
      );
}

function list({ home, contacts, output }: Context): void {
  const blocked = new Set(new BlockList(home).names);
  const known = contacts.all();
  for (const name of [...new Set([...Object.keys(known), ...blocked])].sort()) {
    const contact = Object.hasOwn(known, name) ? known[name] : undefined;
    const verified = contact?.verified ?? false;
    const isBlocked = blocked.has(name);
    const remarks = [...(verified ? ['verified'] : []), ...(isBlocked ? ['blocked'] : [])];
    output.event(
      {
        event: 'contact',
        name,
        identityKey: contact?.key.x ?? null,
        verified,
        blocked: isBlocked,
        since: contact?.since ?? null,
      },
      [name, ...remarks].join('  '),
    );
  }
}

/** A verified contact keeps his key: another one is for `verify` to take. */
async function add(command: Command, name: string): Promise<void> {
  refuseYourself(command, name);
  await withSoftphone(command, async ({ softphone, profile, contacts, output }) => {
    const { identityKey: key } = await findUser(softphone, profile, name);
    softphone.checkContact(name, key);
    contacts.remember(name, key, Date.now());
    output.event({ event: 'contact-added', name, identityKey: key.x }, `${name} is a contact`);
  });
}

function change(
  { home, contacts, output }: Context,
  verb: 'remove' | 'block' | 'unblock',
  name: string,
): void {
  if (verb === 'remove') contacts.remove(name);
  else if (verb === 'block') new BlockList(home).add(name, Date.now());
  else new BlockList(home).remove(name);
  const done = { remove: 'is no contact', block: 'is blocked', unblock: 'may call' }[verb];
  output.event({ event: 'contact-changed', name, change: verb }, `${name} ${done}`);
}
