import { withoutControls } from '@overcall/cli';
import type { SoftphoneEvent } from './softphone-options.ts';

/** What people read of an event; null for events that are only for programs. */
export function textOf(event: SoftphoneEvent): string | null {
  switch (event.event) {
    case 'attached':
      return `attached to ${event.supernode} (${event.rttMs} ms${event.spare ? ', spare' : ''})`;
    case 'detached':
      return `no longer attached to ${event.supernode} (${event.reason})`;
    case 'calling':
      return `calling ${event.to} ...`;
    case 'ringing':
      return `${event.to} is ringing`;
    case 'incoming':
      return `${event.from} is calling`;
    case 'answered':
      return `answered after ${event.setupMs} ms`;
    case 'first-audio':
      return `first audio ${event.msSinceAnswer} ms after the answer`;
    case 'path':
      return pathText(event);
    case 'ping':
      return pingText(event);
    case 'mute':
      return event.by === 'self' ? onOff(event, 'muted') : `the other side is ${onOff(event, 'muted')}`;
    case 'hold':
      return event.by === 'self'
        ? onOff(event, 'on hold')
        : `the other side has you ${onOff(event, 'on hold')}`;
    case 'key':
      return event.by === 'self' ? null : `key ${event.key}`;
    case 'do-not-disturb':
      return event.on ? 'do not disturb: whoever calls hears that you are busy' : 'calls ring again';
    case 'missed':
      return `missed a call from ${event.from} (${event.reason})`;
    case 'message':
      return `${event.from}: ${withoutControls(String(event.text))}`;
    case 'message-written':
      return `you wrote to ${event.to}: ${withoutControls(String(event.text))}${event.delivered ? '' : ' (not delivered)'}`;
    case 'message-failed':
      return failedMessageText(event);
    case 'merged':
      return 'both called at once: joined into one call';
    case 'contact-key-changed':
      return `warning: the identity key of ${event.name} is another one than last time; compare safety numbers`;
    case 'serve':
      return servingText(event);
    case 'refused':
      return `refused: ${withoutControls(withRemedy(event))}`;
    case 'ended':
      return endedText(event);
    default:
      return null;
  }
}

/** Why is not told apart: that one is blocked is nobody's business but the blocker's. */
export function failedMessageText({ to, reason }: SoftphoneEvent): string {
  return reason === 'busy'
    ? `${to} got too many messages of late; try again in a minute`
    : `the message was not delivered: ${to} is not attached, or takes none from you; send it again later`;
}

function withRemedy({ message, remedy }: Record<string, unknown>): string {
  return typeof remedy === 'string' ? `${message}; ${remedy}` : String(message);
}

function onOff({ on }: SoftphoneEvent, what: string): string {
  return on ? what : `not ${what} any more`;
}

function pathText({ kind, transport, via, rttMs, remote, reason }: SoftphoneEvent): string {
  const way = kind === 'direct' ? `to ${remote}` : `via ${(via as string[]).join(', ')}`;
  return `path: ${kind} over ${transport} ${way}, ${rttMs} ms (${reason})`;
}

function pingText({ to, seq, kind, transport, via, rttMs, remote }: SoftphoneEvent): string {
  if (kind === null) return `${seq}: no path to ${to} yet`;
  const way = kind === 'direct' ? `to ${remote}` : `via ${(via as string[]).join(', ')}`;
  return `${seq}: ${kind} over ${transport} ${way}, ${rttMs} ms`;
}

function servingText({
  state,
  reason,
  supernode,
  udp,
  calls,
  message,
  remedy,
}: SoftphoneEvent): string | null {
  switch (state) {
    case 'waiting':
      return `not serving: ${reason}`;
    case 'serving':
      return `serving as the supernode ${supernode} at ${(udp as string[]).join(', ')}`;
    case 'refused':
      return `not serving: ${withoutControls(withRemedy({ message, remedy }))}`;
    case 'draining':
      return `serving ends (${reason}): ${calls} calls are let end or go elsewhere; once more Ctrl-C ends it at once`;
    case 'demoted':
      return `serving has ended (${reason})`;
    default:
      return null;
  }
}

function endedText({ reason, durationS, totals }: SoftphoneEvent): string {
  const { lostPackets, receivedPackets, mos } = totals as Record<string, number | null>;
  const quality =
    mos === null
      ? ''
      : `, lost ${lostPackets} of ${Number(receivedPackets) + Number(lostPackets)} packets, estimated MOS ${mos}`;
  return `ended: ${reason} after ${durationS} s${quality}`;
}
