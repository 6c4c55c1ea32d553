import type { SupernodeEntry } from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import type { Profile } from './profile.ts';

/** What ends a softphone whose device is revoked, by the word of the directory. */
export function deviceRevoked({ name }: Pick<Profile, 'name'>): OvercallError {
  return new OvercallError(
    'device-revoked',
    `this device of ${name} has been revoked, says the list that the directory signed`,
    { remedy: 'to be there again, export on another device and run: overcall import FILE --home DIR' },
  );
}

/** A supernode says so, and has no signed list that does: it is as good as one that is not there. */
export function unprovenRevocation({ name }: Pick<SupernodeEntry, 'name'>): OvercallError {
  return new OvercallError(
    'supernode-unreachable',
    `supernode ${name} says that this device is revoked, but no list that the directory signed does`,
  );
}
