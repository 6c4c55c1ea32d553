import { withoutControls } from '@overcall/cli';
import type { Command } from 'commander';
import { isOpenToOthers, readExport } from '../exported-identity.ts';
import { adoptIdentity, register } from '../profile.ts';
import { openContext } from './common.ts';
import { askPassphrase } from './passphrase.ts';

export function addImport(program: Command): void {
  program
    .command('import')
    .summary('take over what export wrote, as a device of its own')
    .description(
      'Takes name, identity key and contacts from FILE, makes a device key for this home and has the directory certify ' +
        'it. The passphrase is asked for, or read as a line from standard input. Devices there were before stay ' +
        'good until they are revoked. FILE may have any mode, for it is sealed; where others can read it, a warning ' +
        'says so.',
    )
    .argument('<file>')
    .addHelpText('after', '\nExample:\n  overcall import alice.overcall')
    .action(async (file: string, _options: unknown, command: Command) => {
      const { home, output, contacts } = openContext(command);
      const {
        name,
        directory,
        identity,
        contacts: known,
      } = await readExport(file, await askPassphrase({ isNew: false }));
      await adoptIdentity(home, identity);
      const { deviceId } = await register(home, name, directory, { nowMs: Date.now() });
      // Whom this home has verified itself counts for more than what was so when the file was written.
      contacts.addAll(known);
      if (isOpenToOthers(file)) {
        const fix = `delete it, or: chmod 600 ${file}`;
        process.stderr.write(
          `overcall: ${withoutControls(`warning: others on this machine can read ${file} and guess at its passphrase; ${fix}`)}\n`,
        );
      }
      output.event({ event: 'imported', name, device: deviceId }, `this is ${name} now, device ${deviceId}`);
    });
}
