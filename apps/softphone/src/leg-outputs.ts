import type { PhoneOutput } from '@overcall/call';
import type { Legs } from './legs.ts';

/** What the phone wants done about the media of a call. */
export type LegOutput = Exclude<
  PhoneOutput,
  { type: 'lookup' | 'verify' | 'keep' | 'keep-written' | 'signal' | 'event' }
>;

export function carryOutOnLegs(legs: Legs, output: LegOutput): void {
  switch (output.type) {
    case 'leg-ready':
      legs.open(output);
      break;
    case 'route':
      legs.openRoute(output.legId, output.route);
      break;
    case 'route-closed':
      legs.closeRoute(output.legId, output.receiveFlow);
      break;
    case 'peer-moved':
      legs.handlePeerMoved(output.legId, output.attached, output.near);
      break;
    case 'talk':
      legs.startTalking(output.callId, output.legId);
      break;
    case 'told':
      legs.get(output.legId)?.act((session, nowMs) => session.handleTold(output.message, nowMs));
      break;
    case 'leg-closed':
      legs.close(output.legId, output.bye);
  }
}
