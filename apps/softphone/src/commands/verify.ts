import { askLine } from '@overcall/cli';
import { canonicalUsername, isSafetyNumber, safetyNumber } from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import type { Command } from 'commander';
import { findUser } from '../find-user.ts';
import { withSoftphone } from './session.ts';
import { thatIsYourself } from './yourself.ts';

export function addVerify(program: Command): void {
  program
    .command('verify')
    .summary('show a safety number and mark a contact as verified')
    .description(
      'Shows the safety number shared with NAME and marks NAME as verified. Compare it by voice or in person: it is ' +
        'the same on both sides. In a terminal it asks first. From then on another key of NAME is refused.',
    )
    .argument('<name>')
    .option('--number <digits>', 'the number the other side reads out; differing ones are refused, exit 5')
    .option('--show', 'only show it')
    .addHelpText('after', '\nExample:\n  overcall verify bob')
    .action(async (nameInput: string, _options: unknown, command: Command) => {
      const name = canonicalUsername(nameInput);
      const { number, show } = command.opts<{ number?: string; show?: boolean }>();
      if (number !== undefined && !isSafetyNumber(number)) {
        throw new OvercallError('usage', `--number "${number}" is no safety number`, {
          remedy: 'give all 60 digits, blanks between them or not',
        });
      }
      await withSoftphone(command, async ({ softphone, profile, contacts, output }) => {
        if (name === profile.name) throw thatIsYourself(name);
        // The key in use now, also when it is another one than was verified before: it is what is being compared.
        const { identityKey: key } = await findUser(softphone, profile, name);
        const ours = { name: profile.name, key: profile.keys.identity };
        const digits = safetyNumber(ours, { name, key });
        if (number !== undefined && number.replace(/\s/g, '') !== digits.replaceAll(' ', '')) {
          throw new OvercallError(
            'safety-number-differs',
            `that is not the safety number shared with ${name}: ${digits}`,
          );
        }
        const before = contacts.find(name);
        if (!show && number === undefined && before?.verified && before.key.x !== key.x && !isTerminal()) {
          throw new OvercallError(
            'contact-key-changed',
            `the identity key of ${name}, whom you verified, has changed`,
            { remedy: 'verify it in a terminal, or with --number' },
          );
        }
        const verified = !show && (number !== undefined || (await confirmed(name, digits)));
        if (verified) contacts.save(name, { key, verified: true, since: Date.now() });
        const text = `safety number with ${name}: ${digits}${verified ? '\nmarked as verified' : ''}`;
        output.event({ event: 'safety-number', name, safetyNumber: digits, verified }, text);
      });
    });
}

/** Asks where there is somebody to ask; a script that runs `verify` means it. */
async function confirmed(name: string, digits: string): Promise<boolean> {
  if (!isTerminal()) return true;
  const answer = await askLine(`${digits}\nDoes ${name} see the same number? [y/N] `);
  return /^y(es)?$/i.test(answer.trim());
}

function isTerminal(): boolean {
  return process.stdin.isTTY === true;
}
