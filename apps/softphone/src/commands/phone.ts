import { createInterface } from 'node:readline/promises';
import { ExitCode, errorLine } from '@overcall/cli';
import { canonicalUsername } from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import type { Command } from 'commander';
import { chooseAudio } from '../audio-choice.ts';
import { type AudioOptions, type AudioReports, addAudioOptions } from '../audio-options.ts';
import { addControlOptions } from '../control/index.ts';
import { textOf } from '../event-text.ts';
import { InteractivePhone } from '../interactive-phone.ts';
import { interrupted } from '../interrupt.ts';
import { MonitoredAudio } from '../monitored-audio.ts';
import { readAccount, register } from '../profile.ts';
import { openRinger, type Ringer } from '../ringer.ts';
import { addServeOptions, checkServeOptions, type ServeOptions } from '../serve/serve-options.ts';
import type { Volunteer } from '../serve/volunteer.ts';
import { volunteerFor } from '../serve/volunteer-for.ts';
import type { SoftphoneEvent } from '../softphone-options.ts';
import { type CommonOptions, openContext, resolveDirectory } from './common.ts';
import { addPathOptions, allowCallsOption } from './path-options.ts';
import { type SoftphoneContext, withSoftphone } from './session.ts';

/** Refusals after which another name, or an invitation, may do. */
const ASK_AGAIN = ['username-invalid', 'name-taken', 'invite-needed', 'invite-invalid'];
/** So often a name is asked for. */
const MAX_QUESTIONS = 10;

/** The interactive phone: what `overcall` does in a terminal when nothing else is asked for. */
export function addPhone(program: Command): void {
  addControlOptions(
    addServeOptions(addAudioOptions(addPathOptions(program.command('phone', { isDefault: isInTerminal() })))),
  )
    .summary('the interactive phone: overcall alone in a terminal')
    .description('Contacts, calls and how they travel; h shows the keys. Asks for a name at the first start.')
    .allowExcessArguments()
    .addOption(allowCallsOption())
    .option('--do-not-disturb', 'whoever calls is told that you are busy')
    .option('--bind <ip>', 'local address of the UDP socket (default: every interface)')
    .addHelpText('after', '\nExample:\n  overcall --directory https://directory.example')
    .action(async (_options: unknown, command: Command) => {
      const [word] = command.args;
      if (word !== undefined) command.error(`error: unknown command '${word}'`);
      checkServeOptions(command.opts<ServeOptions>());
      if (!isInTerminal())
        throw new OvercallError('usage', 'the interactive phone needs a terminal', {
          remedy: 'without one use overcall listen or overcall call',
        });
      await registerFirst(command);
      await runPhone(command);
    });
}

function isInTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

async function runPhone(command: Command): Promise<void> {
  const interrupt = interrupted();
  const left = Promise.withResolvers<void>();
  const over = Promise.race([
    interrupt.promise.then(() => ExitCode.Interrupted),
    left.promise.then(() => ExitCode.Done),
  ]);
  const audio = new MonitoredAudio();
  const early: string[] = [];
  let phone: InteractivePhone | undefined;
  let ringer: Ringer | undefined;
  const notice = (text: string) => {
    if (phone === undefined) early.push(text);
    else phone.notice(text);
  };
  let volunteer: Volunteer | null = null;
  const work = async (context: SoftphoneContext) => {
    volunteer = await volunteerFor(context, command, (event) => {
      const text = textOf(event);
      if (text !== null) notice(text);
    });
    process.exitCode = await over;
  };
  try {
    await withSoftphone(command, work, {
      accepts: true,
      interrupt: over.then(() => {}),
      showLog: notice,
      media: async ({ log, tell }) => {
        const options = await audioOptionsOf(command, notice, tell);
        ringer = await openRinger(options, log);
        return audio.watch(await chooseAudio(options, reportsOf(notice, tell)));
      },
      prepare: (context) => {
        // Before the phone, which asks it whether a bell is needed.
        ringer!.follow(context.softphone);
        phone = new InteractivePhone(context, audio, ringer!);
        void phone.left.then(left.resolve);
        for (const text of early) phone.notice(text);
      },
    });
  } finally {
    phone?.close();
    // Who is served may need a moment more.
    await (volunteer as Volunteer | null)?.close();
    interrupt.dispose();
  }
}

/** Without a microphone one is not heard, and without a speaker one hears nothing, but can call all the same. */
async function audioOptionsOf(
  command: Command,
  notice: (text: string) => void,
  tell: (event: SoftphoneEvent) => void,
): Promise<AudioOptions> {
  const options = { ...command.opts<AudioOptions>() };
  const reports = reportsOf(notice, tell);
  const sides = [
    ['play', 'record'],
    ['record', 'play'],
  ] as const;
  for (const [side, other] of sides) {
    if (command.getOptionValueSource(side) !== 'default') continue;
    try {
      await chooseAudio({ ...options, [other]: 'null' }, reports);
    } catch (error) {
      if (!(error instanceof OvercallError) || error.code !== 'audio-device-missing') throw error;
      notice(error.message);
      options[side] = 'null';
    }
  }
  return options;
}

function reportsOf(notice: (text: string) => void, tell: (event: SoftphoneEvent) => void): AudioReports {
  return {
    recordingFailed: ({ message }) => {
      notice(`the recording failed: ${message}`);
      tell({ event: 'recording-failed', message });
    },
    device: (event) => {
      notice(event.message);
      tell({ event: 'audio-device', ...event });
    },
  };
}

/** Where nobody is registered: asks for a name until the directory gives it. */
async function registerFirst(command: Command): Promise<void> {
  const { home } = openContext(command);
  if (readAccount(home) !== null) return;
  const directory = await resolveDirectory(home, command.optsWithGlobals<CommonOptions>());
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  // Ctrl-C and Ctrl-D give up.
  const gone = Promise.withResolvers<null>();
  prompt.on('close', () => gone.resolve(null));
  const ask = (question: string) => Promise.race([prompt.question(question).catch(() => null), gone.promise]);
  try {
    await askForName(ask, (name, invite) => register(home, name, directory, { invite, nowMs: Date.now() }));
  } finally {
    prompt.close();
  }
}

async function askForName(
  ask: (question: string) => Promise<string | null>,
  take: (name: string, invite: string | undefined) => Promise<unknown>,
): Promise<void> {
  let invite: string | undefined;
  for (let questions = 0; questions < MAX_QUESTIONS; questions++) {
    const name = await ask('Your name, by which others call you: ');
    if (name === null) break;
    try {
      await take(canonicalUsername(name), invite);
      return;
    } catch (error) {
      if (!(error instanceof OvercallError) || !ASK_AGAIN.includes(error.code)) throw error;
      process.stdout.write(`${errorLine(error)}\n`);
      if (!error.code.startsWith('invite-')) continue;
      invite = (await ask('The invitation of this directory: ')) ?? undefined;
    }
  }
  throw new OvercallError('interrupted', 'not registered: no name was chosen', {
    remedy: 'start again and choose one',
  });
}
