import {
  type CommonSettings,
  createLogger,
  createOutput,
  type Logger,
  type Output,
  placesOf,
} from '@overcall/cli';
import { fetchDirectory, type KnownDirectory, parseDirectoryUrl } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import type { Command } from 'commander';
import { ContactBook } from '../contacts.ts';
import type { Home } from '../home.ts';
import { loadProfile, type Profile, renewIfNeeded } from '../profile.ts';
import { rememberedDirectory } from '../remembered-directory.ts';

export interface CommonOptions extends CommonSettings {
  directory?: string;
  insecureHttp?: boolean;
  allowNet?: string[];
}

/** What every command starts from. */
export interface Context {
  home: Home;
  output: Output;
  log: Logger;
  contacts: ContactBook;
}

/** Opens the home, makes output and log; `show` takes what is logged for people. */
export function openContext(command: Command, show?: (line: string) => void): Context {
  const { json, home: folder, logLevel } = command.optsWithGlobals<CommonOptions>();
  const home = placesOf('', folder);
  return {
    home,
    output: createOutput(json),
    log: createLogger('overcall', logLevel, show),
    contacts: new ContactBook(home),
  };
}

/** The directory named by `--directory`, else the remembered one; its key must be the pinned one. */
export async function resolveDirectory(home: Home, options: CommonOptions): Promise<KnownDirectory> {
  const remembered = rememberedDirectory(home);
  const url = options.directory ?? remembered?.url;
  if (url === undefined) {
    throw new OvercallError('usage', 'no directory known yet', {
      remedy: 'give one with --directory URL',
    });
  }
  const samePlace = remembered !== undefined && url.split('#')[0]!.replace(/\/+$/, '') === remembered.url;
  return fetchDirectory(url, {
    insecureHttp: options.insecureHttp ?? false,
    ...(samePlace ? { pinnedKey: remembered.key } : {}),
  });
}

/**
 * The registered profile with certificates that are still good, of the directory that `--directory` names.
 * @throws OvercallError `certificate-wrong-directory`, `certificate-expired`, `not-registered`
 */
export async function openProfile(home: Home, options: CommonOptions): Promise<Profile> {
  const profile = await loadProfile(home);
  const given = options.directory === undefined ? null : parseDirectoryUrl(options.directory);
  if (
    given?.url === profile.directory.url &&
    given.pinnedKey &&
    given.pinnedKey.x !== profile.directory.key.x
  ) {
    throw new OvercallError(
      'directory-key-changed',
      `${given.url} is remembered with another key than the one after #`,
    );
  }
  if (given !== null && given.url !== profile.directory.url) {
    const directory = await resolveDirectory(home, options);
    if (directory.keyId !== profile.directory.keyId) {
      throw new OvercallError(
        'certificate-wrong-directory',
        `${profile.name} is registered with ${profile.directory.url}, not with ${directory.url}`,
      );
    }
  }
  return renewIfNeeded(home, profile, Date.now());
}
