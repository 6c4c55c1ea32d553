import { ExitCode } from '@overcall/cli';
import type { SupernodeEntry } from '@overcall/identity';
import { type KnownDirectory, parseDirectoryUrl, probePortMapping } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import { type Command, InvalidArgumentError } from 'commander';
import { examine } from '../doctor/examine.ts';
import { adviceFor, type Findings } from '../doctor/findings.ts';
import { findingsText } from '../doctor/findings-text.ts';
import { LONGEST_LIFETIME_S, measureLifetime, SHORTEST_LIFETIME_S } from '../doctor/measure-lifetime.ts';
import type { Home } from '../home.ts';
import { isTrial } from '../port-mapping.ts';
import { rememberDirectory, rememberedDirectory } from '../remembered-directory.ts';
import { SupernodeListStore } from '../supernode-list-store.ts';
import { type CommonOptions, type Context, openContext, resolveDirectory } from './common.ts';

interface DoctorOptions {
  portMapping: boolean;
  /** Seconds; true for as many as can be watched. */
  lifetime?: number | true;
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('what this network does to calls, and how to mend it')
    .description(
      'Measures for two seconds what the network does: NAT mapping, filtering and port allocation, hairpin, IPv6, ' +
        'port mapping protocols of the router (no port is mapped), blocked UDP, public address. ' +
        'Needs a directory, no registration. What was not tested is "unknown".',
    )
    .option('--no-port-mapping', 'do not ask the router whether it speaks UPnP IGD, NAT-PMP or PCP')
    .option(
      '--lifetime [seconds]',
      `also watch how long the NAT keeps an idle mapping; takes as long, ${SHORTEST_LIFETIME_S} to ${LONGEST_LIFETIME_S}`,
      lifetimeSeconds,
    )
    .addHelpText('after', '\nExample:\n  overcall doctor --directory https://directory.example')
    .action(async (_options: unknown, command: Command) => {
      const context = openContext(command);
      const { home, output } = context;
      const { portMapping, lifetime } = command.opts<DoctorOptions>();
      const options = command.optsWithGlobals<CommonOptions>();
      const known = await findSupernodes(context, options);
      const mayAsk = portMapping && !isTrial(directoryUrl(home, options));
      const measured = await examine(known.entries, mayAsk ? probePortMapping : null);
      const findings: Findings = {
        ...measured,
        mappingLifetime: (await watchedLifetime(known.entries, lifetime)) ?? 'unknown',
        directory: known.directory,
        supernodes: known.entries.length,
      };
      const { nat, ...rest } = findings;
      output.event({ event: 'doctor', ...nat, ...rest, advice: adviceFor(findings) }, findingsText(findings));
      if (known.entries.length === 0) process.exitCode = ExitCode.Unreachable;
    });
}

function lifetimeSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= SHORTEST_LIFETIME_S && seconds <= LONGEST_LIFETIME_S))
    throw new InvalidArgumentError(`it is a number from ${SHORTEST_LIFETIME_S} to ${LONGEST_LIFETIME_S}`);
  return seconds;
}

async function watchedLifetime(entries: readonly SupernodeEntry[], lifetime: DoctorOptions['lifetime']) {
  if (lifetime === undefined) return null;
  const longestS = lifetime === true ? LONGEST_LIFETIME_S : lifetime;
  process.stderr.write(`watching idle mappings for up to ${longestS} s\n`);
  return measureLifetime(entries, longestS);
}

/** Of the directory, or of the stored list while it does not answer. */
async function findSupernodes(
  { home, log }: Pick<Context, 'home' | 'log'>,
  options: CommonOptions,
): Promise<{ directory: Findings['directory']; entries: SupernodeEntry[] }> {
  let directory: KnownDirectory | undefined;
  let reachable = true;
  try {
    directory = await resolveDirectory(home, options);
    rememberDirectory(home, directory);
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    reachable = false;
    directory = rememberedDirectory(home);
  }
  if (directory === undefined) return { directory: 'unreachable', entries: [] };
  const store = new SupernodeListStore(home, directory, options.allowNet ?? [], log);
  await store.load().catch((error) => {
    if (isUnreachable(error)) reachable = false;
    else if (!(error instanceof OvercallError && error.code === 'no-supernodes')) throw error;
  });
  return { directory: reachable ? 'reachable' : 'unreachable', entries: store.entries };
}

/** Without one, `findSupernodes` has thrown. */
const directoryUrl = (home: Home, { directory }: CommonOptions): string =>
  directory === undefined ? rememberedDirectory(home)!.url : parseDirectoryUrl(directory).url;

const isUnreachable = (error: unknown): boolean =>
  error instanceof OvercallError && error.code === 'directory-unreachable';
