import type { CertificateChain, LinkMessage, SupernodeMessage } from '@overcall/wire';
import type { AttachGateLimits } from './attach/attach-gate.ts';
import type { AttachAttempt } from './attach-check.ts';
import type { Attachment, Attachments } from './attachments.ts';
import type { ControlLimits } from './control-limits.ts';
import type { ControlSession } from './control-session.ts';
import type { HopNeighbours } from './hop-neighbours.ts';
import type { ListedNode } from './listed-nodes.ts';
import type { PresenceTable } from './presence.ts';
import type { RelayTable } from './relay-table.ts';

/** A control connection, and the request on it that a relay flow was opened by. */
export interface RelayTicket {
  connection: number;
  id: number;
}

export type ControlOutput =
  | { kind: 'send'; connection: number; message: SupernodeMessage }
  | { kind: 'close'; connection: number }
  /** For another supernode, over the link to it; comes back by `handleLinkFailed` when there is none to be had. */
  | { kind: 'link'; to: string; message: LinkMessage }
  /** Presence records that came from another supernode; then {@link ControlPlane.handleRecordsChecked}. */
  | { kind: 'check-records'; check: number; records: { chain: CertificateChain; record: string }[] }
  /** A softphone asks for the links between these. */
  | { kind: 'ask-measurements'; connection: number; id: number; supernodes: readonly string[] }
  | { kind: 'check-attach'; connection: number; attempt: AttachAttempt }
  | { kind: 'check-presence'; connection: number; record: string; attachment: Attachment };

export interface ControlPlaneOptions {
  /** Identity key id of this supernode. */
  supernode: string;
  /** Addresses of its UDP port. */
  udp: string[];
  relay: RelayTable<RelayTicket>;
  /** Supernodes next to this one on ways of calls. */
  neighbours: HopNeighbours;
  limits: ControlLimits;
  maxAttachments: number;
  /** Whether a supernode of the list is thought to be alive. */
  isAlive(id: string): boolean;
  attachGate?: AttachGateLimits;
  /** How much of what it can relay and compute it does, 0 to 1. */
  load?(): number;
  versions: readonly number[];
  randomBytes(length: number): Uint8Array;
  /** One form of each name; null for what can be no name. */
  canonicalName(name: string): string | null;
  /** Bytes that wait to be sent on a connection. */
  backlogBytes(connection: number): number;
}

/** Why a message did not leave for another supernode. */
export type LinkFailure = 'no-link' | 'overloaded';

/** Why no new softphone and no new call is taken. */
export type Refusal = { code: 'draining' | 'not-listed' | 'list-expired'; message: string };

/** What the parts of the control plane share. */
export interface ControlContext {
  readonly options: ControlPlaneOptions;
  readonly sessions: ReadonlyMap<number, ControlSession>;
  readonly attachments: Attachments;
  readonly presence: PresenceTable;
  /** Counts a message that was refused. */
  count(code: string): void;
  /** A supernode of the newest list; null when it names none of that key id. */
  node(id: string): ListedNode | null;
  /** Why nobody may attach or open a relay flow now; null when they may. */
  whyClosed(nowMs: number): Refusal | null;
}

export function send(connection: number, message: SupernodeMessage): ControlOutput {
  return { kind: 'send', connection, message };
}

export function relayFailed({ connection, id }: RelayTicket, code: string, message: string): ControlOutput {
  return send(connection, { t: 'relay-failed', id, code, message });
}
