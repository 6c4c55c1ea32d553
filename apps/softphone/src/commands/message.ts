import { ExitCode, errorFields, type Output, wholeNumber, withoutControls } from '@overcall/cli';
import { canonicalUsername } from '@overcall/identity';
import { asTextMessage, type OvercallError } from '@overcall/wire';
import { type Command, Option } from 'commander';
import { failedMessageText, textOf } from '../event-text.ts';
import { interrupted } from '../interrupt.ts';
import type { Softphone } from '../softphone.ts';
import type { SoftphoneEvent } from '../softphone-options.ts';
import { invalidMessage } from '../text-messages.ts';
import { refusalIn } from './end-lines.ts';
import { listMessages } from './messages.ts';
import { type SoftphoneContext, withSoftphone } from './session.ts';
import { refuseYourself } from './yourself.ts';

/** As many as are kept of one person. */
const MAX_LISTED = 1000;

export function addMessage(program: Command): void {
  program
    .command('message')
    .summary('send a text message, or read what was written')
    .description(
      'Sends TEXT, end-to-end encrypted, to every softphone of NAME that is attached, and a copy to your own others. Done (exit 0) when one of NAME keeps it; nobody keeps it for later. Without TEXT: lists what was written from and to NAME, oldest first; an asterisk marks what is new.',
    )
    .argument('<name>')
    .argument('[text...]')
    .addOption(
      new Option('-n, --number <n>', 'list the newest so many')
        .argParser(wholeNumber(1, MAX_LISTED))
        .default(20),
    )
    .addHelpText(
      'after',
      '\nExample:\n  overcall message bob "call me when you are there"\n  overcall message bob',
    )
    .action(async (nameInput: string, words: string[], { number }: { number: number }, command: Command) => {
      const name = canonicalUsername(nameInput);
      if (words.length === 0) {
        await listMessages(command, name, number);
        return;
      }
      refuseYourself(command, name);
      const text = words.join(' ');
      if (asTextMessage(text) === null) throw invalidMessage();
      const interrupt = interrupted();
      const send = (context: SoftphoneContext) => sendMessage(context, name, text, interrupt.promise);
      await withSoftphone(command, send, {
        accepts: false,
        interrupt: interrupt.promise,
        media: async () => () => {
          throw new Error('a message has no sound');
        },
      });
      interrupt.dispose();
    });
}

async function sendMessage(
  { softphone, output }: SoftphoneContext,
  name: string,
  text: string,
  interrupt: Promise<void>,
): Promise<void> {
  const over = Promise.withResolvers<SoftphoneEvent>();
  let refusal: OvercallError | null = null;
  softphone.on('event', (event) => {
    if (event.event === 'refused') refusal = refusalIn(event);
    if (event.event === 'contact-key-changed') output.event(event, textOf(event));
    if (event.event === 'message-copied') output.event(event, null);
    if (event.event !== 'message-delivered' && event.event !== 'message-failed') return;
    output.event(event, event.event === 'message-delivered' ? `delivered to ${name}` : null);
    over.resolve(event);
  });
  softphone.message(name, text);
  const ended = await Promise.race([over.promise, interrupt]);
  if (refusal !== null) throw refusal;
  process.exitCode = ended === undefined ? ExitCode.Interrupted : codeOf(ended);
  if (ended?.event === 'message-failed')
    process.stderr.write(`overcall: ${withoutControls(failedMessageText(ended))}\n`);
}

function codeOf({ event, reason }: SoftphoneEvent): number {
  if (event === 'message-delivered') return ExitCode.Done;
  return reason === 'busy' ? ExitCode.BusyOrDeclined : ExitCode.Unreachable;
}

/** A message typed in the middle of something else: that it cannot be sent ends nothing. */
export function sendTyped(softphone: Softphone, output: Output, name: string, text: string): void {
  try {
    softphone.message(name, text);
  } catch (error) {
    const event = { event: 'refused', name, ...errorFields(error) };
    output.event(event, textOf(event));
  }
}
