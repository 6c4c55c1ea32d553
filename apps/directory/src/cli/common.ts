import { type Command, Option } from 'commander';
import { defaultDataDir } from '../data-dir.ts';
import { LOG_LEVELS } from './logger.ts';
import type { Settings } from './settings.ts';

/** Options of every subcommand. */
export function addCommonOptions(command: Command): Command {
  return command
    .addOption(new Option('--data <dir>', 'data directory (default: $XDG_DATA_HOME/overcall/directory)'))
    .addOption(
      new Option('--home <dir>', 'keep everything below this directory; the data in its "directory"'),
    )
    .addOption(new Option('--config <file>', 'configuration file (JSON, keys named like the flags)'))
    .addOption(new Option('--json', 'results as JSON, one a line'))
    .addOption(new Option('--log-level <level>', 'logs on stderr').choices(LOG_LEVELS).default('info'));
}

export function dataDirOf(settings: Settings): string {
  const given = settings.data as string | undefined;
  return given ?? defaultDataDir(process.env, settings.home as string | undefined);
}
