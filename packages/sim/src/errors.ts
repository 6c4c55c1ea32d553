import { OvercallError } from '@overcall/wire';

export type SimErrorCode = 'bad-address' | 'bad-network' | 'port-taken' | 'closed';

/** A network or a call that makes no sense. What happens to datagrams is never an error: see {@link Counters}. */
export class SimError extends OvercallError {
  declare readonly code: SimErrorCode;

  constructor(code: SimErrorCode, message: string) {
    super(code, message);
    this.name = 'SimError';
  }
}
