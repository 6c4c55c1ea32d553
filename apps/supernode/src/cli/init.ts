import {
  addExample,
  ask,
  canAsk,
  configFileOf,
  configText,
  createOutput,
  decimalNumber,
  parseAnswer,
  takesNoSettings,
  wholeNumber,
  writeConfig,
} from '@overcall/cli';
import { localAddresses, parseDirectoryUrl } from '@overcall/net';
import { addressPolicy } from '@overcall/overlay';
import { type Command, Option } from 'commander';
import { listenAddress, publicAddresses } from '../listen-addresses.ts';
import { type Opening, setUpText } from './firewall-text.ts';
import { addRunOptions, type RunSettings } from './run.ts';

const PORT = wholeNumber(1, 65_535);
/** What stands for no limit among the answers. */
const NONE = 'none';

type InitSettings = RunSettings & { port?: number; force?: boolean };

/** Adds `init`: asks what only the operator knows, writes the commented configuration, says what to do next. */
export function addInit(program: Command, run: Command): void {
  const command = program
    .command('init')
    .summary('ask a few questions and write the configuration')
    .description('Asks what only the operator knows, and writes a configuration file with comments.');
  const flags = ['directory', 'public-address', 'name', 'max-calls', 'max-mbps', 'max-gb-month', 'allow-net'];
  for (const option of addRunOptions(command.createCommand('run')).options) {
    if (flags.includes(option.long!.slice(2))) command.addOption(option);
  }
  command
    .addOption(new Option('--port <port>', 'UDP and TCP').argParser(PORT))
    .option('--force', 'replace the configuration');
  addExample(
    takesNoSettings(command, 'flags-and-variables'),
    'overcall-supernode init --config /etc/overcall/supernode.json',
  ).action(async (_options: unknown, called: Command) => {
    const given = called.optsWithGlobals<InitSettings>();
    const settings = await answersOf(given);
    const { file } = configFileOf(given, 'supernode');
    writeConfig(file, configText(program, [run], settings), { force: given.force === true });
    const opening: Opening = { file, ports: [Number(settings.listen[0]!.split(':').at(-1))] };
    createOutput(given.json).result({ file, ...settings }, setUpText(opening));
  });
}

/** Flags come first; what is missing is asked for in a terminal, and checked as `run` will. */
async function answersOf(given: InitSettings) {
  const directory = given.directory ?? (await ask('Directory (URL or URL#KEY)', '--directory'));
  parseDirectoryUrl(directory);
  const found = foundAddresses();
  const isUsable = addressPolicy(given.allowNet ?? []);
  const proposed = found.filter(isUsable).join(',') || undefined;
  const publicAddress =
    given.publicAddress ??
    listOf(
      await ask(`Public addresses (here are: ${found.join(', ') || 'none'})`, '--public-address', proposed),
    );
  const port = given.port ?? parseAnswer(PORT, await ask('Port, UDP and TCP', '--port', '443'), '--port');
  const listen = [
    ...(publicAddress.some((address) => !isIpv6(address)) ? [`0.0.0.0:${port}`] : []),
    ...(publicAddress.some(isIpv6) ? [`[::]:${port}`] : []),
  ];
  publicAddresses(
    publicAddress,
    listen.map((text) => listenAddress(text, '--listen')),
    '--listen',
  );
  const limit = async (
    value: number | undefined,
    question: string,
    flag: string,
    parse = decimalNumber(0, 1_000_000),
  ) => {
    if (value !== undefined || !canAsk()) return value;
    const text = await ask(question, flag, NONE);
    return text === NONE ? undefined : parseAnswer(parse, text, flag);
  };
  return {
    directory,
    listen,
    publicAddress,
    name: canAsk() ? await ask('Name in the supernode list', '--name', given.name) : given.name,
    maxCalls: await limit(given.maxCalls, 'Most calls at once', '--max-calls', wholeNumber(0, 1_000_000)),
    maxMbps: await limit(given.maxMbps, 'Most Mbit/s', '--max-mbps', decimalNumber(0.1, 100_000)),
    maxGbMonth: await limit(given.maxGbMonth, 'Most GB in a month', '--max-gb-month'),
    allowNet: given.allowNet,
    admin: given.admin ?? '127.0.0.1:7481',
  };
}

const foundAddresses = (): string[] => localAddresses().map(({ address }) => address);
const isIpv6 = (address: string): boolean => address.split(':').length > 2;
const listOf = (text: string): string[] => text.split(/[,\s]+/).filter((part) => part !== '');
