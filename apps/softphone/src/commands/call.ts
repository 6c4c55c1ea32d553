import { decimalNumber, ExitCode, errorLine, withoutControls } from '@overcall/cli';
import { canonicalUsername } from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import type { Command } from 'commander';
import { chooseAudio } from '../audio-choice.ts';
import { type AudioOptions, addAudioOptions, reportsTo } from '../audio-options.ts';
import { addControlOptions } from '../control/index.ts';
import { textOf } from '../event-text.ts';
import { findUser } from '../find-user.ts';
import { interrupted } from '../interrupt.ts';
import { IN_CALL_KEYS, onKeyCommand } from '../key-commands.ts';
import { openRinger, type Ringer } from '../ringer.ts';
import type { SoftphoneEvent } from '../softphone-options.ts';
import { exitCodeOfEnd } from './end-codes.ts';
import { lineOf, noDirectPath, refusalIn } from './end-lines.ts';
import { sendTyped } from './message.ts';
import { addPathOptions, type PathOptions } from './path-options.ts';
import { type SoftphoneContext, withSoftphone } from './session.ts';
import { refuseYourself } from './yourself.ts';

/** What was played last is still on its way and in the other side's jitter buffer when SRC ends, ms. */
const TAIL_MS = 400;
/** With `--require-direct`: how long a call may wait for a direct path, ms. */
const DIRECT_PATIENCE_MS = 10_000;

/** Longest --duration, s: timers end at 2^31 ms. */
const MAX_DURATION_S = 2_000_000;

interface CallOptions extends PathOptions, AudioOptions {
  duration?: number;
  hangupAtEnd?: boolean;
  requireDirect?: boolean;
}

export function addCall(program: Command): void {
  addControlOptions(addAudioOptions(addPathOptions(program.command('call'))))
    .summary('place a call')
    .description(
      `Calls NAME; ends at hang-up (b, Ctrl-C), after --duration, or at the end of SRC with --hangup-at-end. Lines typed: ${IN_CALL_KEYS}.`,
    )
    .argument('<name>')
    .option('--duration <seconds>', 'hang up this long after the answer', decimalNumber(0.1, MAX_DURATION_S))
    .option('--hangup-at-end', 'hang up when SRC has been played')
    .option('--require-direct', 'hang up and exit 6 when no direct path is found within 10 s of the answer')
    .option('--bind <ip>', 'local address of the UDP socket (default: every interface)')
    .addHelpText(
      'after',
      '\nExample:\n  overcall call bob --play question.wav --record answer.wav --duration 20',
    )
    .action(async (nameInput: string, _options: unknown, command: Command) => {
      const name = canonicalUsername(nameInput);
      refuseYourself(command, name);
      const interrupt = interrupted();
      let ringer: Ringer | undefined;
      await withSoftphone(
        command,
        (context) => placeCall(context, name, command.opts<CallOptions>(), interrupt.promise),
        {
          // Reachable meanwhile: the two of them may be calling each other at once.
          accepts: true,
          interrupt: interrupt.promise,
          media: async ({ output, log, tell }) => {
            ringer = await openRinger(command.opts<CallOptions>(), log);
            return chooseAudio(command.opts<CallOptions>(), reportsTo(output, tell));
          },
          prepare: ({ softphone, output }) => {
            ringer?.follow(softphone);
            softphone.on('event', (event) => output.event(event, textOf(event)));
          },
        },
      );
      interrupt.dispose();
    });
}

async function placeCall(
  context: SoftphoneContext,
  name: string,
  options: CallOptions,
  interrupt: Promise<void>,
): Promise<void> {
  const progress = followCall(context, name, options);
  const ended = await Promise.race([progress.ended, interrupt]);
  progress.stop();
  if (ended === undefined) {
    process.exitCode = ExitCode.Interrupted;
    return;
  }
  process.exitCode = exitCodeOfEnd(ended, progress.refusal);
  const why = lineOf(progress.refusal) ?? (await Promise.race([explain(context, name, ended), interrupt]));
  if (progress.notDirect) process.exitCode = ExitCode.NotDirect;
  if (progress.notDirect) process.stderr.write(`overcall: ${errorLine(noDirectPath(name))}\n`);
  else if (typeof why === 'string') process.stderr.write(`overcall: ${withoutControls(why)}\n`);
}

/** Dials, and hangs up when the options say so. */
function followCall({ softphone, output }: SoftphoneContext, name: string, options: CallOptions) {
  const end = Promise.withResolvers<SoftphoneEvent>();
  const timers: NodeJS.Timeout[] = [];
  const progress = {
    ended: end.promise,
    refusal: null as OvercallError | null,
    /** Answered, direct was required, and no path was. */
    notDirect: false,
    stop() {
      for (const timer of timers) clearTimeout(timer);
      stopKeys();
    },
  };
  const hangUpIn = (ms: number) => {
    const timer = setTimeout(() => softphone.hangUp(callId), ms);
    timers.push(timer);
    return timer;
  };
  let impatience: NodeJS.Timeout | undefined;
  let callId = '';
  softphone.on('event', (event) => {
    if (event.event === 'merged' && event.callId === callId) callId = String(event.winner);
    if (event.callId !== callId) return;
    if (event.event === 'refused') progress.refusal = refusalIn(event);
    if (event.event === 'answered' && options.duration !== undefined) hangUpIn(options.duration * 1000);
    if (event.event === 'answered' && (options.requireDirect || options.path === 'direct')) {
      progress.notDirect = true;
      impatience = hangUpIn(DIRECT_PATIENCE_MS);
    }
    if (event.event === 'path' && event.kind === 'direct') {
      progress.notDirect = false;
      clearTimeout(impatience);
    }
    if (event.event === 'source-ended' && options.hangupAtEnd) hangUpIn(TAIL_MS);
    if (event.event === 'ended') end.resolve(event);
  });
  const stopKeys = onKeyCommand(
    (command) => {
      if (command === 'hangup') softphone.hangUp(callId);
      if (command === 'mute') softphone.toggleMute(callId);
      if (command === 'hold') softphone.toggleHold(callId);
    },
    (keys) => softphone.pressKeys(callId, keys),
    (text) => sendTyped(softphone, output, name, text),
  );
  callId = softphone.call(name);
  return progress;
}

/** One line that says why nobody talked; null when the events said it all. */
async function explain(
  { softphone, profile, log }: SoftphoneContext,
  name: string,
  { reason }: SoftphoneEvent,
): Promise<string | null> {
  if (reason === 'declined') return `${name} declined; write a message, or try again later`;
  if (reason === 'busy') return `${name} is busy; try again later`;
  if (reason === 'timeout') return `${name} did not answer; write a message, or try again later`;
  if (reason === 'failed')
    return `the call to ${name} broke off: nothing came from the other side any more; call again`;
  if (reason !== 'unreachable') return null;
  try {
    const { endpoints } = await findUser(softphone, profile, name);
    return endpoints.length > 0
      ? `${name} is attached but cannot be reached now; try again in a moment`
      : `${name} is not attached; try again when their softphone runs`;
  } catch (error) {
    log.debug({ error: String(error) }, 'directory lookup');
    if (error instanceof OvercallError && error.code === 'unknown-user') return errorLine(error);
    return `${name} is not attached (and the directory could not be asked: ${(error as Error).message}); try again later`;
  }
}
