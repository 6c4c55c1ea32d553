import type { Command } from 'commander';
import type { CommonOptions } from '../commands/common.ts';
import type { SoftphoneContext } from '../commands/session.ts';
import type { SoftphoneEvent } from '../softphone-options.ts';
import type { ServeOptions } from './serve-options.ts';
import { Volunteer } from './volunteer.ts';

/** Begins to serve where `--serve` asks for it; null without. Whoever starts it closes it, after the softphone. */
export async function volunteerFor(
  { softphone, home, profile, log, tell }: SoftphoneContext,
  command: Command,
  show: (event: SoftphoneEvent) => void,
): Promise<Volunteer | null> {
  const options = command.optsWithGlobals<ServeOptions & CommonOptions>();
  if (options.serve !== true) return null;
  const volunteer = new Volunteer({
    ...{ home, profile, log, serve: options },
    insecureHttp: options.insecureHttp ?? false,
    allowNets: options.allowNet ?? [],
    softphone,
    report: (event) => {
      show(event);
      tell(event);
    },
  });
  await volunteer.start();
  return volunteer;
}
