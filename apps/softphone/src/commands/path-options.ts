import { wholeNumber } from '@overcall/cli';
import { DEFAULT_LEASE_S } from '@overcall/net';
import { type Command, Option } from 'commander';
import type { Exposure, PathChoice } from '../softphone-options.ts';

export interface PathOptions {
  path?: PathChoice;
  exposeAddress?: Exposure;
  portMapping?: boolean;
  portMappingLease?: number;
}

/** The flags of `call` and `listen` that say which ways audio may take and who learns this machine's addresses. */
export function addPathOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--path <path>', 'for audio; relay shows your address to nobody')
        .choices(['auto', 'direct', 'relay'])
        .default('auto'),
    )
    .addOption(
      new Option('--expose-address <who>', 'who may learn your address, others once answered')
        .choices(['contacts', 'answered', 'never'])
        .default('contacts'),
    )
    .option('--no-port-mapping', 'do not ask the router to map a port (UPnP IGD, NAT-PMP, PCP)')
    .addOption(
      new Option(
        '--port-mapping-lease <seconds>',
        'how long a router is asked to keep the port, renewed at half',
      )
        .argParser(wholeNumber(2, 86_400))
        .default(DEFAULT_LEASE_S),
    );
}

export function allowCallsOption(): Option {
  return new Option('--allow-calls <who>', 'who may make it ring')
    .choices(['anyone', 'contacts'])
    .default('anyone');
}
