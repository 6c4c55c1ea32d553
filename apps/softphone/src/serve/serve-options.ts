import { isIP } from 'node:net';
import { collect, decimalNumber, wholeNumber } from '@overcall/cli';
import { parseAddressPort } from '@overcall/traversal';
import { OvercallError } from '@overcall/wire';
import { type Command, Option } from 'commander';
import { POWER_SUPPLIES } from './power.ts';

/** What a softphone gives that is a supernode too. */
export interface ServeOptions {
  serve?: boolean;
  serveAddress?: string[];
  serveListen: string;
  serveMaxCalls: number;
  serveMaxMbps: number;
  serveMaxGbMonth: number;
  serveOnBattery?: boolean;
  serveInvite?: string;
  serveAfter: number;
  powerSupplies: string;
}

export function addServeOptions(command: Command): Command {
  return command
    .option('--serve', 'on a public host: be a supernode too')
    .addOption(
      new Option(
        '--serve-address <ip>',
        'how others reach this host; repeats (default: own public IPv4)',
      ).argParser(collect),
    )
    .addOption(new Option('--serve-listen <ip:port>', 'UDP and TCP').default('0.0.0.0:3478'))
    .addOption(
      new Option('--serve-max-calls <n>', 'relayed at once').argParser(wholeNumber(1, 1000)).default(20),
    )
    .addOption(
      new Option('--serve-max-mbps <n>', 'Mbit/s relayed').argParser(decimalNumber(0.1, 1000)).default(10),
    )
    .addOption(
      new Option('--serve-max-gb-month <n>', 'GB relayed in a month')
        .argParser(decimalNumber(0, 1_000_000))
        .default(100),
    )
    .option('--serve-on-battery', 'serve although there is no mains')
    .option('--serve-invite <code>', 'where the directory wants one')
    .addOption(
      new Option('--serve-after <seconds>', 'how long everything has to speak for it first')
        .argParser(wholeNumber(0, 86_400))
        .default(60),
    )
    .addOption(
      new Option('--power-supplies <dir>', 'where the kernel tells of batteries')
        .default(POWER_SUPPLIES)
        .hideHelp(),
    );
}

/** @throws OvercallError `bad-address` naming the flag */
export function checkServeOptions({ serveAddress = [], serveListen }: ServeOptions): void {
  const wrong = serveAddress.find((address) => isIP(address) === 0);
  if (wrong !== undefined)
    throw new OvercallError('bad-address', `--serve-address "${wrong}" is not an IP address`);
  if (parseAddressPort(serveListen) === null)
    throw new OvercallError(
      'bad-address',
      `--serve-listen "${serveListen}" is not IP:PORT such as 0.0.0.0:3478`,
    );
}
