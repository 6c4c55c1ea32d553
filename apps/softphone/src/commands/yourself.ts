import { OvercallError } from '@overcall/wire';

/** A softphone does not call, ping or write to its own user. */
export function thatIsYourself(name: string): OvercallError {
  return new OvercallError('usage', `${name} is yourself`, { remedy: 'give the name of somebody else' });
}
