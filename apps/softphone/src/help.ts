import { describeOption } from '@overcall/cli';
import { type Command, Help } from 'commander';

/** Flags that few need: `--help` names them in a line, so that it fits a screen, and `--help-all` explains them. */
const FOR_FEW = new Set([
  ...['--config', '--log-level', '--insecure-http', '--allow-net', '--bind', '--json'],
  '--version',
  ...['--no-port-mapping', '--port-mapping-lease'],
  ...['--ring', '--audio-program', '--no-echo-cancellation', '--no-noise-suppression', '--no-gain-control'],
  '--dtx',
]);
/** And all that is about serving as a supernode, but for `--serve` itself. */
const SERVE = /^--serve-.*/;

const isForFew = (long: string | undefined) => long !== undefined && (FOR_FEW.has(long) || SERVE.test(long));

const standard = new Help();
/** As wide as commander makes help where there is no terminal. */
const COLUMNS = 80;

/** For a program before it has commands. `showsAll`: what `--help-all` asked for. */
export function fitHelp(program: Command, showsAll: boolean): Command {
  if (showsAll) return program;
  return program
    .configureHelp({
      optionDescription: describeOption,
      visibleOptions: (command) =>
        standard
          .visibleOptions(command)
          .filter(({ long }) => !isForFew(long ?? undefined) && (command !== program || long !== '--help')),
      subcommandTerm: (command) =>
        [command.name(), ...command.registeredArguments.map((argument) => `<${argument.name()}>`)].join(' '),
      formatHelp: (command, help) => standard.formatHelp.call(help, command, help).replaceAll('\n\n', '\n'),
    })
    .addHelpText('afterAll', ({ command }) => {
      const few = command.options
        .map(({ long }) => long ?? undefined)
        .filter((long) => isForFew(long) && long !== '--version');
      const names = [...new Set(few.map((long) => long!.replace(SERVE, '--serve-...')))];
      return names.length === 0 ? '' : standard.boxWrap(`--help-all: ${names.join(', ')}`, COLUMNS);
    });
}
