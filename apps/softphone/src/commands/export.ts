import { existsSync } from 'node:fs';
import { OvercallError } from '@overcall/wire';
import type { Command } from 'commander';
import { writeExport } from '../exported-identity.ts';
import { loadProfile } from '../profile.ts';
import { openContext } from './common.ts';
import { askPassphrase } from './passphrase.ts';

export function addExport(program: Command): void {
  program
    .command('export')
    .summary('write identity and contacts into a file')
    .description(
      'Writes name, identity key and contacts into FILE, under a passphrase that is asked for, or read as a line ' +
        'from standard input. Whoever has both is you: keep them apart.',
    )
    .argument('<file>')
    .option('--force', 'replace the file')
    .addHelpText('after', '\nExample:\n  overcall export alice.overcall')
    .action(async (file: string, options: { force?: boolean }, command: Command) => {
      const { home, output, contacts } = openContext(command);
      const { name, directory, keys } = await loadProfile(home);
      if (existsSync(file) && options.force !== true) {
        throw new OvercallError('file-exists', `${file} exists`);
      }
      const exported = { name, directory, identity: keys.identity, contacts: contacts.all() };
      await writeExport(file, exported, await askPassphrase({ isNew: true }));
      output.event({ event: 'exported', name, file }, `${name} is in ${file}`);
    });
}
