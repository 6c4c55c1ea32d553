import { OvercallError } from '@overcall/wire';
import type { Command } from 'commander';
import { readAccount } from '../profile.ts';
import { openContext } from './common.ts';

/** A softphone does not call, ping or write to its own user. */
export function thatIsYourself(name: string): OvercallError {
  return new OvercallError('usage', `${name} is yourself`, { remedy: 'give the name of somebody else' });
}

/** Before anything is attached for it. @throws OvercallError `usage` */
export function refuseYourself(command: Command, name: string): void {
  if (readAccount(openContext(command).home)?.name === name) throw thatIsYourself(name);
}
