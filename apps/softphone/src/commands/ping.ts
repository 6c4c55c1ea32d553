import { ExitCode, errorLine, exitCodeOf, wholeNumber, withoutControls } from '@overcall/cli';
import { canonicalUsername } from '@overcall/identity';
import type { OvercallError } from '@overcall/wire';
import { type Command, Option } from 'commander';
import { textOf } from '../event-text.ts';
import { interrupted } from '../interrupt.ts';
import type { SoftphoneEvent } from '../softphone-options.ts';
import { lineOf, noDirectPath, refusalIn } from './end-lines.ts';
import { addPathOptions, type PathOptions } from './path-options.ts';
import { type SoftphoneContext, withSoftphone } from './session.ts';
import { refuseYourself } from './yourself.ts';

/** The other side ends a ping after a minute. */
const MAX_COUNT = 50;
/** Nobody there or no answer; the reasons are those of calls, and `unsupported`. */
const WHY: Record<string, (name: string) => string> = {
  unreachable: (name) => `${name} is not attached, or does not answer; try again when their softphone runs`,
  unsupported: (name) =>
    `the softphone of ${name} is there, but too old to be pinged; have it brought up to date`,
  busy: (name) => `${name} was pinged too often; try again in a minute`,
  'remote-hangup': (name) => `${name} ended the ping; call instead, or ping again`,
  failed: (name) => `nothing came from ${name} any more; ping again, or overcall doctor`,
};

interface PingOptions extends PathOptions {
  count: number;
  untilDirect?: boolean;
}

export function addPing(program: Command): void {
  addPathOptions(program.command('ping'))
    .summary('measure the paths to a user without ringing')
    .description(
      'Shows each second by which path NAME is reached and how long a round trip takes. Nothing rings; NAME shows addresses to contacts only.',
    )
    .argument('<name>')
    .addOption(
      new Option('-c, --count <n>', 'end after so many').argParser(wholeNumber(1, MAX_COUNT)).default(10),
    )
    .option('--until-direct', 'end when the path is direct; exit 6 if it is not by then')
    .option('--bind <ip>', 'local address of the UDP socket (default: every interface)')
    .addHelpText('after', '\nExample:\n  overcall ping bob --until-direct')
    .action(async (nameInput: string, _options: unknown, command: Command) => {
      const name = canonicalUsername(nameInput);
      refuseYourself(command, name);
      const interrupt = interrupted();
      await withSoftphone(
        command,
        (context) => pingUser(context, name, command.opts<PingOptions>(), interrupt.promise),
        {
          accepts: false,
          interrupt: interrupt.promise,
          media: async () => () => {
            throw new Error('a ping has no sound');
          },
        },
      );
      interrupt.dispose();
    });
}

async function pingUser(
  { softphone, output }: SoftphoneContext,
  name: string,
  { count, untilDirect = false }: PingOptions,
  interrupt: Promise<void>,
): Promise<void> {
  const over = Promise.withResolvers<SoftphoneEvent>();
  const seen = { answers: 0, isDirect: false, refusal: null as OvercallError | null };
  let callId = '';
  softphone.on('event', (event) => {
    if (event.callId !== callId) return;
    output.event(event, textOf(event));
    if (event.event === 'refused') seen.refusal = refusalIn(event);
    if (event.event === 'ping-ended') over.resolve(event);
    if (event.event !== 'ping') return;
    if (event.kind !== null) seen.answers++;
    seen.isDirect = event.kind === 'direct';
    if (event.seq === count || (untilDirect && seen.isDirect)) softphone.hangUp(callId);
  });
  callId = softphone.ping(name);
  const ended = await Promise.race([over.promise, interrupt]);
  process.exitCode =
    ended === undefined ? ExitCode.Interrupted : exitCodeOfPing(String(ended.reason), seen, untilDirect);
  const why = lineOf(seen.refusal) ?? WHY[String(ended?.reason)]?.(name);
  if (why !== undefined) process.stderr.write(`overcall: ${withoutControls(why)}\n`);
  else if (process.exitCode === ExitCode.NotDirect)
    process.stderr.write(`overcall: ${errorLine(noDirectPath(name))}\n`);
  else if (process.exitCode === ExitCode.Unreachable)
    process.stderr.write(`overcall: no path to ${name} was found; overcall doctor at both ends says why\n`);
}

function exitCodeOfPing(
  reason: string,
  seen: { answers: number; isDirect: boolean; refusal: OvercallError | null },
  untilDirect: boolean,
): number {
  if (seen.refusal !== null) return exitCodeOf(seen.refusal);
  if (reason === 'busy') return ExitCode.BusyOrDeclined;
  if (seen.answers === 0) return ExitCode.Unreachable;
  if (untilDirect && !seen.isDirect) return ExitCode.NotDirect;
  return reason === 'hangup' ? ExitCode.Done : ExitCode.Unreachable;
}
