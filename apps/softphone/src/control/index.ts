import { withoutControls } from '@overcall/cli';
import { OvercallError } from '@overcall/wire';
import { type Command, Option } from 'commander';
import type { BlockList } from '../block-list.ts';
import type { CallGuard } from '../call-guard.ts';
import type { ContactBook } from '../contacts.ts';
import type { Softphone } from '../softphone.ts';
import type { SoftphoneEvent } from '../softphone-options.ts';
import { CallTracker } from './call-tracker.ts';
import { ControlDesk } from './control-desk.ts';
import { ControlSocket } from './control-socket.ts';
import { EventHook, isProgram } from './event-hook.ts';

export interface ControlFlags {
  control?: string;
  onEvent?: string;
}

export function addControlOptions(command: Command): Command {
  return command
    .addOption(new Option('--control <path>', 'a Unix socket for programs: NDJSON, see docs/phone.md'))
    .option('--on-event <program>', 'run for each event, which it gets as JSON on stdin');
}

export interface ControlledSoftphone {
  softphone: Softphone;
  name: string;
  contacts: ContactBook;
  blocked: BlockList;
  guard: CallGuard;
  onTrouble(text: string): void;
  /** Of what happens beside the softphone. */
  onTold(listener: (event: SoftphoneEvent) => void): void;
}

/** Opens what the flags ask for; returns how to close it. @throws OvercallError `control-unusable`, `usage` */
export async function openControl(
  flags: ControlFlags,
  on: ControlledSoftphone,
): Promise<() => Promise<void>> {
  const { softphone, onTrouble, onTold, ...rest } = on;
  if (flags.onEvent !== undefined && !isProgram(flags.onEvent)) {
    throw new OvercallError(
      'usage',
      `--on-event ${JSON.stringify(flags.onEvent)} is no program that can be run`,
      {
        remedy: 'give one that is there and executable',
      },
    );
  }
  const listen = (listener: (event: SoftphoneEvent) => void) => {
    softphone.on('event', listener);
    onTold(listener);
  };
  const hook =
    flags.onEvent === undefined
      ? null
      : new EventHook(flags.onEvent, (text) => onTrouble(withoutControls(text)));
  if (hook !== null) listen((event) => hook.handleEvent(event, Date.now()));
  if (flags.control === undefined) return async () => hook?.close();
  const tracker = new CallTracker();
  const desk = new ControlDesk({ ...rest, phone: softphone, tracker, now: Date.now });
  const control = await ControlSocket.open(flags.control, desk);
  listen((event) => {
    tracker.handleEvent(event);
    control.tell(event);
  });
  return async () => {
    control.close();
    await hook?.close();
  };
}
