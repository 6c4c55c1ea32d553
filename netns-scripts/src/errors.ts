import { OvercallError } from '@overcall/wire';

/** Why a lab could not be built or used; never a fault of the program that runs in it. */
export type LabErrorCode =
  /** This machine cannot run a lab; the message says what is missing. */
  | 'lab-impossible'
  /** The scenario contradicts itself; the message names the field. */
  | 'bad-scenario'
  /** A name that is not in the scenario. */
  | 'unknown-node'
  /** A node whose wire is not shaped: the scenario has no `links` entry for it. */
  | 'no-link'
  /** The network could not be built although the machine can run labs. */
  | 'lab-setup-failed'
  /** The lab was closed, or one of its processes was killed. */
  | 'lab-gone'
  /** An event that makes no sense in the network as it is. */
  | 'bad-event'
  /** An event could not be carried out although it makes sense. */
  | 'event-failed'
  /** A NAT does not do what the scenario says: nothing measured behind it would count. */
  | 'nat-not-as-claimed'
  /** Nothing can be written to the folder that results or captures were to go to. */
  | 'bad-folder'
  /** The capture program did not start or ended early. */
  | 'capture-failed';

export class LabError extends OvercallError {
  declare readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
    this.name = 'LabError';
  }
}
