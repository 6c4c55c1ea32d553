import { ExitCode } from '@overcall/cli';
import type { SupernodeEntry } from '@overcall/identity';
import type { KnownDirectory } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import type { Command } from 'commander';
import { examine } from '../doctor/examine.ts';
import { adviceFor, type Findings, PORT_MAPPING_UNKNOWN } from '../doctor/findings.ts';
import { findingsText } from '../doctor/findings-text.ts';
import type { Home } from '../home.ts';
import { readAccount } from '../profile.ts';
import { SupernodeListStore } from '../supernode-list-store.ts';
import { type CommonOptions, openContext, resolveDirectory } from './common.ts';

interface DoctorOptions {
  portMapping: boolean;
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('what this network does to calls, and how to mend it')
    .description(
      'Measures for two seconds what the network does: NAT mapping, filtering and port allocation, hairpin, IPv6, ' +
        'port mapping protocols, blocked UDP, public address. Needs a directory, no registration. ' +
        'What was not tested is "unknown".',
    )
    .option('--no-port-mapping', 'do not look for UPnP, NAT-PMP and PCP on the local network')
    .addHelpText('after', '\nExample:\n  overcall doctor --directory https://directory.example')
    .action(async (_options: unknown, command: Command) => {
      const { home, output } = openContext(command);
      const { portMapping } = command.opts<DoctorOptions>();
      const known = await findSupernodes(home, command.optsWithGlobals<CommonOptions>());
      const measured = await examine(
        known.entries,
        portMapping ? probePortMapping : async () => PORT_MAPPING_UNKNOWN,
      );
      const findings: Findings = {
        ...measured,
        directory: known.directory,
        supernodes: known.entries.length,
      };
      const { nat, ...rest } = findings;
      output.event({ event: 'doctor', ...nat, ...rest, advice: adviceFor(findings) }, findingsText(findings));
      if (known.entries.length === 0) process.exitCode = ExitCode.Unreachable;
    });
}

/** There is no client for these protocols yet. */
const probePortMapping = async () => PORT_MAPPING_UNKNOWN;

/** Of the directory, or of the stored list while it does not answer. */
async function findSupernodes(
  home: Home,
  options: CommonOptions,
): Promise<{ directory: Findings['directory']; entries: SupernodeEntry[] }> {
  let directory: KnownDirectory | undefined;
  let reachable = true;
  try {
    directory = await resolveDirectory(home, options);
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    reachable = false;
    directory = readRemembered(home);
  }
  if (directory === undefined) return { directory: 'unreachable', entries: [] };
  const store = new SupernodeListStore(home, directory, options.allowNet ?? []);
  await store.load().catch((error) => {
    if (isUnreachable(error)) reachable = false;
    else if (!(error instanceof OvercallError && error.code === 'no-supernodes')) throw error;
  });
  return { directory: reachable ? 'reachable' : 'unreachable', entries: store.entries };
}

const readRemembered = (home: Home): KnownDirectory | undefined => readAccount(home)?.directory;

const isUnreachable = (error: unknown): boolean =>
  error instanceof OvercallError && error.code === 'directory-unreachable';
