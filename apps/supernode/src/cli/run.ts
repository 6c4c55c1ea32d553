import { hostname } from 'node:os';
import {
  type CommonSettings,
  collect,
  createLogger,
  createOutput,
  ExitCode,
  needed,
  placesOf,
  serviceExitCode,
  stopSignal,
  wholeNumber,
} from '@overcall/cli';
import type { RelaySocketKind } from '@overcall/net';
import { type Command, Option } from 'commander';
import { checkOptions } from '../check-options.ts';
import { DataFiles } from '../data-files.ts';
import type { OperatorRules } from '../operator-rules.ts';
import type { Supernode, SupernodeOptions } from '../options.ts';
import type { HostReport } from '../self-test/host-capacity.ts';
import { refusalOf } from '../self-test/host-checks.ts';
import { testHost } from '../self-test/host-facts.ts';
import { startSupernode } from '../supernode.ts';
import { addRuleOptions, givenRules } from './rule-options.ts';

export interface RunSettings extends CommonSettings, OperatorRules {
  directory?: string;
  listen?: string[];
  publicAddress?: string[];
  tcpListen?: string[];
  stunAltPort?: number;
  name: string;
  invite?: string;
  admin?: string;
  udp?: RelaySocketKind;
  allowNet?: string[];
  report: boolean;
  data?: string;
  insecureHttp?: boolean;
}

export function addRunOptions(command: Command): Command {
  command
    .addOption(new Option('--directory <url>', 'URL, URL#KEY pins its key; remembered'))
    .addOption(new Option('--listen <ip:port>', 'UDP, and TCP too; repeats').argParser(collect))
    .addOption(
      new Option('--public-address <ip>', 'IP or IP:PORT that others dial; repeats').argParser(collect),
    )
    .addOption(new Option('--tcp-listen <ip:port>', 'control connections apart; repeats').argParser(collect))
    .addOption(
      new Option('--stun-alt-port <port>', 'second UDP port for STUN, to tell clients of NATs').argParser(
        wholeNumber(0, 65_535),
      ),
    )
    .addOption(
      new Option('--name <name>', 'in the supernode list').default(hostname().slice(0, 64), 'host name'),
    )
    .addOption(new Option('--invite <code>', 'where the directory wants one'))
    .addOption(new Option('--admin <ip:port>', 'health, metrics and status over HTTP'));
  return addRuleOptions(command)
    .addOption(new Option('--udp <kind>', 'how datagrams are read and sent').choices(['batch', 'plain']))
    .addOption(
      new Option('--allow-net <cidr>', 'relay to this private network (lab); repeats').argParser(collect),
    )
    .addOption(new Option('--no-report', 'tell the status page of the directory nothing'))
    .addOption(new Option('--insecure-http', 'plain HTTP to a directory beyond loopback (lab)'))
    .addOption(new Option('--data <dir>', 'data folder (default see --home)'));
}

/** Serves until SIGINT, SIGTERM or a finished drain; returns the exit code. */
export async function run(settings: RunSettings): Promise<number> {
  const stopped = stopSignal();
  const options = supernodeOptions(settings);
  checkOptions(options);
  const host = await testHost({ ...options, addresses: options.publicAddresses });
  const refusal = refusalOf(host);
  if (refusal !== null) {
    tellHost(settings, host);
    throw refusal;
  }
  const supernode = await startSupernode({ ...options, host });
  tellHost(settings, host);
  const over = Promise.race([stopped.promise, supernode.whenDrained()]);
  await Promise.race([supernode.whenReady(), over]);
  if (supernode.status().ready) announce(settings, supernode);
  const signal = await over;
  await supernode.close();
  stopped.dispose();
  return signal === undefined ? ExitCode.Done : serviceExitCode(signal);
}

function supernodeOptions(settings: RunSettings): SupernodeOptions {
  const { tcpListen, stunAltPort, invite, admin, udp, allowNet, data, home } = settings;
  const dataDirectory = data ?? placesOf('supernode', home).dataDir;
  const remembered = new DataFiles(dataDirectory).lastDirectory()?.url;
  return {
    directory: needed(settings.directory ?? remembered, '--directory'),
    listen: needed(settings.listen, '--listen'),
    publicAddresses: needed(settings.publicAddress, '--public-address'),
    name: settings.name,
    dataDirectory,
    insecureHttp: settings.insecureHttp ?? false,
    report: settings.report,
    log: createLogger('overcall-supernode', settings.logLevel),
    ...(tcpListen ? { tcpListen } : {}),
    ...(stunAltPort === undefined ? {} : { stunAltPort }),
    ...(invite === undefined ? {} : { invite }),
    ...(admin === undefined ? {} : { admin }),
    ...givenRules(settings),
    ...(udp === undefined ? {} : { udp }),
    ...(allowNet ? { allowNets: allowNet } : {}),
  };
}

function tellHost({ json, maxCalls }: RunSettings, { checks, capacity }: HostReport): void {
  const { calls, mbps, softphones } = capacity;
  const isOver = maxCalls !== undefined && calls !== null && maxCalls > calls;
  const over = isOver ? `, fewer than --max-calls ${maxCalls}` : '';
  const text = `this host can relay ${calls ?? 'an unknown number of'} calls${over}, and hold ${softphones} softphones`;
  createOutput(json).event({ event: 'self-test', calls, mbps, softphones, checks }, text);
}

function announce({ json, name }: RunSettings, { id, admin, udp: udps, control: controls }: Supernode): void {
  const [udp, control] = [udps[0], controls[0]];
  createOutput(json).event(
    { event: 'listening', udp, control, ...(admin === null ? {} : { admin }), id },
    `supernode ${name} (${id}): udp ${udp}, control ${control}`,
  );
}
