import { hostname } from 'node:os';
import { type Command, Option } from 'commander';
import { startSupernode } from '../supernode.ts';
import { dataDirectory } from './data-directory.ts';
import { createLogger, LOG_LEVELS } from './logger.ts';
import { Exit, print } from './output.ts';
import { collect, numberBetween } from './settings.ts';

export interface RunSettings {
  directory?: string;
  listen?: string[];
  publicAddress?: string[];
  tcpListen?: string[];
  name: string;
  admin?: string;
  maxCalls?: number;
  maxMbps?: number;
  allowNet?: string[];
  data?: string;
  home?: string;
  insecureHttp?: boolean;
  json?: boolean;
  logLevel: string;
}

export function addRunOptions(command: Command): Command {
  return command
    .addOption(new Option('--directory <url>', 'directory; URL#KEY pins its key'))
    .addOption(
      new Option('--listen <ip:port>', 'UDP, and TCP too without --tcp-listen; repeats').argParser(collect),
    )
    .addOption(
      new Option('--public-address <ip>', 'address, or address:port, that others dial; repeats').argParser(
        collect,
      ),
    )
    .addOption(new Option('--tcp-listen <ip:port>', 'control connections; repeats').argParser(collect))
    .addOption(new Option('--name <name>', 'name in the supernode list').default(hostname().slice(0, 64)))
    .addOption(new Option('--admin <ip:port>', 'health, metrics and status over HTTP'))
    .addOption(
      new Option('--max-calls <n>', 'calls relayed at once').argParser(numberBetween(0, 1_000_000, true)),
    )
    .addOption(new Option('--max-mbps <n>', 'Mbit/s relayed').argParser(numberBetween(0.1, 100_000, false)))
    .addOption(
      new Option('--allow-net <cidr>', 'private network that is relayed to (lab); repeats').argParser(
        collect,
      ),
    )
    .addOption(new Option('--insecure-http', 'plain HTTP to a directory that is not on loopback (lab)'))
    .addOption(new Option('--data <dir>', 'data directory (default: $XDG_DATA_HOME/overcall/supernode)'))
    .addOption(new Option('--home <dir>', 'keep the data in "supernode" below this directory'))
    .addOption(new Option('--config <file>', 'configuration file (JSON, keys named like the flags)'))
    .addOption(new Option('--json', 'events as JSON, one a line'))
    .addOption(new Option('--log-level <level>', 'logs on stderr').choices(LOG_LEVELS).default('warn'));
}

/** Serves until SIGINT, SIGTERM or a finished drain. */
export async function run(
  settings: RunSettings & { directory: string; listen: string[]; publicAddress: string[] },
): Promise<number> {
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  const supernode = await startSupernode({
    directory: settings.directory,
    listen: settings.listen,
    publicAddresses: settings.publicAddress,
    name: settings.name,
    dataDirectory: dataDirectory(settings, process.env),
    insecureHttp: settings.insecureHttp ?? false,
    log: createLogger(settings.logLevel),
    ...(settings.tcpListen ? { tcpListen: settings.tcpListen } : {}),
    ...(settings.admin === undefined ? {} : { admin: settings.admin }),
    ...(settings.maxCalls === undefined ? {} : { maxCalls: settings.maxCalls }),
    ...(settings.maxMbps === undefined ? {} : { maxMbps: settings.maxMbps }),
    ...(settings.allowNet ? { allowNets: settings.allowNet } : {}),
  });
  const { id, admin } = supernode;
  await Promise.race([supernode.whenReady(), stopped, supernode.whenDrained()]);
  const [udp, control] = [supernode.udp[0], supernode.control[0]];
  const isReady = supernode.status().ready;
  if (isReady) {
    const event = {
      event: 'listening',
      at: Date.now(),
      udp,
      control,
      ...(admin === null ? {} : { admin }),
      id,
    };
    print(
      settings.json ?? false,
      event,
      `supernode ${settings.name} (${id}): udp ${udp}, control ${control}`,
    );
  }
  await Promise.race([stopped, supernode.whenDrained()]);
  await supernode.close();
  return Exit.Done;
}
