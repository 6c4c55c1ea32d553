import { ExitCode } from '@overcall/cli';
import type { Command } from 'commander';
import { chooseAudio } from '../audio-choice.ts';
import { type AudioOptions, addAudioOptions, reportsTo } from '../audio-options.ts';
import { CallTracker } from '../control/call-tracker.ts';
import { addControlOptions } from '../control/index.ts';
import { textOf } from '../event-text.ts';
import { interrupted } from '../interrupt.ts';
import { IN_CALL_KEYS, onKeyCommand } from '../key-commands.ts';
import { openRinger, type Ringer } from '../ringer.ts';
import { addServeOptions, checkServeOptions, type ServeOptions } from '../serve/serve-options.ts';
import type { Volunteer } from '../serve/volunteer.ts';
import { volunteerFor } from '../serve/volunteer-for.ts';
import type { SoftphoneEvent } from '../softphone-options.ts';
import { TypedCommands } from '../typed-commands.ts';
import { exitCodeOfEnd } from './end-codes.ts';
import { refusalIn } from './end-lines.ts';
import { sendTyped } from './message.ts';
import { addPathOptions, allowCallsOption } from './path-options.ts';
import { type SoftphoneContext, withSoftphone } from './session.ts';

interface ListenOptions extends AudioOptions {
  autoAnswer?: boolean;
  once?: boolean;
}

export function addListen(program: Command): void {
  addControlOptions(addServeOptions(addAudioOptions(addPathOptions(program.command('listen')))))
    .summary('attach and wait for calls')
    .description(`Attaches and waits for calls. Lines typed: a accept, d decline; in a call ${IN_CALL_KEYS}.`)
    .option('--auto-answer', 'accept every call')
    .addOption(allowCallsOption())
    .option('--do-not-disturb', 'whoever calls is told that you are busy')
    .option('--once', 'end after one call')
    .option('--bind <ip>', 'local address of the UDP socket (default: every interface)')
    .addHelpText(
      'after',
      '\nExample:\n  overcall listen --auto-answer --play hello.wav --record heard.wav --once',
    )
    .action(async (_options: unknown, command: Command) => {
      checkServeOptions(command.opts<ServeOptions>());
      const interrupt = interrupted();
      const once = Promise.withResolvers<number>();
      let volunteer: Volunteer | null = null;
      let ringer: Ringer | undefined;
      const work = async (context: SoftphoneContext) => {
        volunteer = await volunteerFor(context, command, (event) =>
          context.output.event(event, textOf(event)),
        );
        await waitForEnd(interrupt.promise, once.promise);
      };
      try {
        await withSoftphone(command, work, {
          accepts: true,
          interrupt: interrupt.promise,
          media: async ({ output, log, tell }) => {
            const options = command.opts<ListenOptions>();
            ringer = await openRinger(options, log, options.autoAnswer);
            return chooseAudio(options, reportsTo(output, tell));
          },
          prepare: (context) => {
            ringer?.follow(context.softphone);
            answerCalls(context, command.opts<ListenOptions>(), once.resolve);
          },
        });
      } finally {
        // The softphone's own user has gone; who is served may need a moment more.
        await (volunteer as Volunteer | null)?.close();
        interrupt.dispose();
      }
    });
}

async function waitForEnd(interrupt: Promise<void>, once: Promise<number>): Promise<void> {
  process.exitCode = (await Promise.race([interrupt, once])) ?? ExitCode.Interrupted;
}

/** Prints events, answers calls by itself or as told, and says with which exit code `--once` is fulfilled. */
function answerCalls(
  { softphone, output }: SoftphoneContext,
  options: ListenOptions,
  onFirstEnd: (exitCode: number) => void,
): void {
  const tracker = new CallTracker();
  let refusal: SoftphoneEvent | null = null;
  softphone.on('event', (event) => {
    tracker.handleEvent(event);
    output.event(event, textOf(event));
    if (event.event === 'incoming') {
      if (options.autoAnswer) softphone.accept(String(event.callId));
      else output.note('a = accept, d = decline');
    }
    if (event.event === 'refused') refusal = event;
    if (event.event === 'ended' && options.once) {
      const isOfCall = refusal?.callId === event.callId;
      onFirstEnd(exitCodeOfEnd(event, isOfCall ? refusalIn(refusal!) : null));
    }
  });
  const typed = new TypedCommands(softphone, tracker);
  const stop = onKeyCommand(
    (command) => typed.handle(command),
    (keys) => typed.handleKeys(keys),
    (text) => {
      const peer = tracker.current?.peer;
      if (peer !== undefined) sendTyped(softphone, output, peer, text);
    },
  );
  softphone.once('closed', stop);
}
