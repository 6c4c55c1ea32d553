import { isIP } from 'node:net';
import { ExitCode } from '@overcall/cli';
import { OvercallError } from '@overcall/wire';
import type { Command } from 'commander';
import { BlockList } from '../block-list.ts';
import { type AllowedCallers, CallGuard } from '../call-guard.ts';
import type { MediaChoice } from '../call-media.ts';
import { type ControlFlags, openControl } from '../control/index.ts';
import { onCrash } from '../last-words.ts';
import { MessageStore } from '../message-store.ts';
import type { Profile } from '../profile.ts';
import { Softphone } from '../softphone.ts';
import type { SoftphoneEvent } from '../softphone-options.ts';
import { type CommonOptions, type Context, openContext, openProfile } from './common.ts';
import type { PathOptions } from './path-options.ts';

interface SessionContext extends Context {
  /** To programs, what is no event of the softphone itself: of its devices, say. */
  tell(event: SoftphoneEvent): void;
}

export interface SoftphoneContext extends SessionContext {
  softphone: Softphone;
  profile: Profile;
  guard: CallGuard;
  blocked: BlockList;
  messages: MessageStore;
}

interface SessionFlags extends ControlFlags {
  bind?: string;
  allowCalls?: AllowedCallers;
  doNotDisturb?: boolean;
}

const SILENT: MediaChoice = () => ({
  source: { label: 'silence', next: () => null },
  sink: { write() {}, async close() {} },
});

export interface SessionOptions {
  /** Whether others can call while this runs. */
  accepts: boolean;
  media(context: SessionContext): Promise<MediaChoice>;
  /** Called before the softphone attaches, so that no event is missed. */
  prepare?(context: SoftphoneContext): void;
  /** Takes what is logged for people, where it must not go on the terminal. */
  showLog?: (line: string) => void;
  /** Ends the wait for a supernode; `action` is then not run. */
  interrupt?: Promise<void>;
}

/**
 * Opens the profile, attaches a softphone, runs `action` and detaches, whatever happens.
 * @throws OvercallError `device-revoked` as soon as the directory says so, whatever `action` does
 */
export async function withSoftphone(
  command: Command,
  action: (context: SoftphoneContext) => Promise<void>,
  session: SessionOptions = { accepts: false, media: async () => SILENT },
): Promise<void> {
  const listeners = new Set<(event: SoftphoneEvent) => void>();
  const tell = (event: SoftphoneEvent) => {
    for (const listener of listeners) listener(event);
  };
  const context = { ...openContext(command, session.showLog), tell };
  const options = command.optsWithGlobals() as CommonOptions & PathOptions & SessionFlags;
  refuseBadBind(options.bind);
  const ready = makeReady(context, options, session);
  const opened = await Promise.race([ready, session.interrupt ?? ready]);
  if (!opened) {
    process.exitCode = ExitCode.Interrupted;
    return;
  }
  const { media, profile } = opened;
  const { home, contacts, log } = context;
  const guard = new CallGuard(contacts, options.allowCalls, options.doNotDisturb);
  const blocked = new BlockList(home);
  // What is damaged is told now, and not when somebody calls.
  blocked.names;
  contacts.all();
  const messages = new MessageStore(home);
  const softphone = new Softphone({
    home,
    profile,
    contacts,
    log,
    media,
    guard,
    blocked,
    messages,
    path: options.path,
    exposeAddress: options.exposeAddress,
    bindAddress: options.bind,
    portMapping: options.portMapping,
    portMappingLeaseS: options.portMappingLease,
    allowNets: options.allowNet,
  });
  const complete = { ...context, softphone, profile, guard, blocked, messages };
  const closeControl = await openControl(options, {
    ...complete,
    name: profile.name,
    onTrouble: (text) => log.warn(text),
    onTold: (listener) => listeners.add(listener),
  });
  const stopWatching = onCrash(() => softphone.close());
  try {
    session.prepare?.(complete);
    const started = softphone.start(session.accepts).then(() => true);
    const attached = await Promise.race([started, session.interrupt ?? started]);
    if (attached) await Promise.race([action(complete), softphone.revoked]);
    else process.exitCode = ExitCode.Interrupted;
  } finally {
    await softphone.close();
    stopWatching();
    await closeControl();
    await messages.close();
  }
}

/** Takes as long as sound system and directory like. */
async function makeReady(
  context: SessionContext,
  options: CommonOptions,
  session: SessionOptions,
): Promise<{ media: MediaChoice; profile: Profile }> {
  const media = await session.media(context);
  return { media, profile: await openProfile(context.home, options) };
}

function refuseBadBind(bind: string | undefined): void {
  if (bind === undefined || isIP(bind) !== 0) return;
  throw new OvercallError('bad-address', `--bind ${bind} is not an IP address`);
}
