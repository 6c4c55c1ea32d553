import { addCommonCommands, collect, createProgram as createCommonProgram } from '@overcall/cli';
import { type Command, Option } from 'commander';
import { addAudio } from './commands/audio.ts';
import { addCall } from './commands/call.ts';
import { addContacts } from './commands/contacts.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExport } from './commands/export.ts';
import { addImport } from './commands/import.ts';
import { addInit } from './commands/init.ts';
import { addListen } from './commands/listen.ts';
import { addLookup } from './commands/lookup.ts';
import { addMessage } from './commands/message.ts';
import { addPhone } from './commands/phone.ts';
import { addPing } from './commands/ping.ts';
import { addRegister } from './commands/register.ts';
import { addRevoke } from './commands/revoke.ts';
import { addVerify } from './commands/verify.ts';
import { addWhoami } from './commands/whoami.ts';
import { fitHelp } from './help.ts';
import { VERSION } from './version.ts';

/** The `overcall` command; its help explains every flag with `showsAll`. */
export function createProgram(showsAll = false): Command {
  const program = createCommonProgram({
    name: 'overcall',
    part: '',
    version: VERSION,
    description: 'Encrypted voice calls between two people across any network.',
    example: 'overcall register alice --directory https://directory.example\novercall call bob',
    logLevel: 'warn',
  })
    .option('--directory <url>', 'URL or URL#KEY; remembered after the first use')
    .option('--insecure-http', 'plain HTTP to a directory beyond loopback (lab)')
    .addOption(
      new Option('--allow-net <cidr>', 'use supernodes on this private network; repeats').argParser(collect),
    )
    .addHelpText(
      'after',
      showsAll ? '\nProxies: https_proxy, all_proxy and no_proxy are honoured (HTTP CONNECT).' : '',
    );
  fitHelp(program, showsAll);
  const commands = [
    addInit,
    addRegister,
    addWhoami,
    addLookup,
    addListen,
    addCall,
    addPing,
    addMessage,
    addVerify,
    addContacts,
    addExport,
    addImport,
    addRevoke,
    addDoctor,
    addAudio,
    addPhone,
  ];
  for (const add of commands) add(program);
  addCommonCommands(program, '');
  return program;
}
