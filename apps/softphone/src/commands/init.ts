import { existsSync } from 'node:fs';
import { addExample, ask, configFileOf, configText, takesNoSettings, writeConfig } from '@overcall/cli';
import { canonicalUsername } from '@overcall/identity';
import { parseDirectoryUrl } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import type { Command } from 'commander';
import type { CommonOptions } from './common.ts';
import { registerName } from './register.ts';

/** `init`: from nothing to a registered name, and a configuration file with all that can be set. */
export function addInit(program: Command): void {
  const command = program
    .command('init')
    .summary('the first start: directory, name, configuration')
    .description('Asks for directory and name, registers, and writes a configuration file with comments.')
    .argument('[name]', 'username')
    .option('--invite <code>', 'invitation, where the directory wants one')
    .option('--force', 'replace the configuration');
  addExample(
    takesNoSettings(command, 'flags-and-variables'),
    'overcall init\novercall init alice --directory https://directory.example',
  ).action(async (nameGiven: string | undefined, _options: unknown, called: Command) => {
    const given = called.optsWithGlobals<CommonOptions & { force?: boolean }>();
    const { file } = configFileOf(given, '');
    // Before anything is registered: what is already there is somebody's.
    if (existsSync(file) && given.force !== true) {
      throw new OvercallError('file-exists', `${file} is there already`, {
        remedy: 'change it, or replace it with --force',
      });
    }
    const directory = given.directory ?? (await ask('Directory (URL or URL#KEY)', '--directory'));
    parseDirectoryUrl(directory);
    program.setOptionValueWithSource('directory', directory, 'cli');
    await registerName(canonicalUsername(nameGiven ?? (await ask('Your name', 'NAME'))), called);
    const listen = program.commands.filter((other) => ['listen', 'call'].includes(other.name()));
    const { allowNet, insecureHttp } = given;
    writeConfig(file, configText(program, listen, { directory, allowNet, insecureHttp }), { force: true });
    process.stderr.write(`wrote ${file}; overcall config check tells what is in force\n`);
  });
}
