import type { RelaySocketKind } from '@overcall/net';
import type { SupernodeMessage } from '@overcall/wire';
import type { Logger } from 'pino';
import type { ReachState } from './dial-back/reachability.ts';
import type { OperatorRules } from './operator-rules.ts';
import type { HostReport } from './self-test/host-capacity.ts';

/** How a supernode is started; the command line's `run` fills it in. */
export interface SupernodeOptions {
  /** `URL` or `URL#KEY`. */
  directory: string;
  /** `ip:port` of UDP sockets; port 0 takes a free one. */
  listen: string[];
  /** `ip` or `ip:port` under which others reach it. */
  publicAddresses: string[];
  /** `ip:port` of control sockets; the UDP addresses when absent. */
  tcpListen?: string[];
  /** A second port for STUN on each address of `listen`, to tell clients how their NAT behaves; 0 takes a free one. */
  stunAltPort?: number;
  name: string;
  /** Code of an invite, for a directory that wants one. */
  invite?: string;
  /** Where key, certificate and the newest list are kept. */
  dataDirectory: string;
  /** `ip:port` of the admin HTTP server; none when absent. */
  admin?: string;
  maxCalls?: number;
  maxMbps?: number;
  /** Relayed in a calendar month (UTC), 10^9 bytes. */
  maxGbMonth?: number;
  /** How datagrams are read and sent; `batch`, where that is possible, when absent. */
  udp?: RelaySocketKind;
  /** CIDR blocks that are relayed to although they are private. */
  allowNets?: string[];
  /** Usernames, identity key ids and CIDR blocks of those who may use it, and who may not. */
  allow?: string[];
  deny?: string[];
  /** Plain HTTP to a directory that is not on loopback. */
  insecureHttp?: boolean;
  log?: Logger;
  /** What the host can carry: bounds what was not limited otherwise, and counts for its load. */
  host?: HostReport;
  /** Whether the directory is told how this supernode is, for its status page; default true. */
  report?: boolean;
  /** Asked all the time: while it says so, no new calls are relayed, and softphones are told to come here last. */
  isHeldBack?: () => boolean;
  /** For tests only. */
  taps?: Taps;
}

/**
 * What a malicious supernode can do, for tests: replace each outgoing datagram or signal by any number of others.
 * A tap may keep what it sees and give it back with a later one.
 */
export interface Taps {
  forward?: (datagram: Uint8Array, to: { address: string; port: number }) => Uint8Array[];
  signal?: (signal: SignalMessage) => SignalMessage[];
}

type SignalMessage = Extract<SupernodeMessage, { t: 'signal' }>;

/** A running supernode. */
export interface Supernode {
  /** Identity key id. */
  id: string;
  /** Bound addresses, `ip:port`. */
  udp: string[];
  control: string[];
  admin: string | null;
  status(): SupernodeStatus;
  /** Asks the directory for the newest list now. */
  refreshList(): Promise<void>;
  /** Resolves once the supernode list names this supernode, and others reach it. */
  whenReady(): Promise<void>;
  /** Takes no new softphones and calls from now on, and asks those attached to go elsewhere. */
  drain(): void;
  /**
   * Takes these limits and rules instead of those it was started with. Nothing that is relayed ends; whom the rules keep out is
   * detached. @returns how many these are
   * @throws OvercallError `bad-access-rule`, with nothing changed
   */
  changeRules(rules: OperatorRules): number;
  /** Resolves when a drain was asked for, the last call is over, and the softphones have gone or cannot. */
  whenDrained(): Promise<void>;
  /** Asks the directory to take it out of the list. @throws OvercallError when that does not work */
  depart(): Promise<void>;
  close(): Promise<void>;
}

/** Of a self-test: of the host before it joins, or of a supernode that runs. */
export interface SelfTestResult {
  check: 'cpu' | 'memory' | 'bandwidth' | 'clock' | 'open-files' | 'stun' | 'control' | 'listed';
  target: string;
  ok: boolean;
  /** What was measured; null when unknown. */
  value?: number | null;
  /** For people, and how to mend what is not ok. */
  detail: string;
}

export interface NeighbourStatus {
  id: string;
  name: string;
  linked: boolean;
  rttMs: number | null;
  /** In one direction. */
  lossPct: number;
}

export interface SupernodeStatus {
  id: string;
  name: string;
  ready: boolean;
  /** Why it is not ready. */
  notReady: string | null;
  /** Whether others reach it; `alone` when there is nobody to tell. */
  reach: ReachState['state'];
  draining: boolean;
  uptimeS: number;
  /** What was found out about the host before it joined, and of its clock since; null when it was not tested. */
  host: HostReport | null;
  /** Files and sockets that it may have open; null when unknown. */
  maxOpenFiles: number | null;
  udp: string[];
  control: string[];
  publicUdp: string[];
  publicControl: string[];
  tlsSha256: string;
  listVersion: number;
  directory: { url: string; reachable: boolean };
  attached: number;
  connections: number;
  /** Of the scarcest of calls, Mbit/s, softphones and processor time, 0 to 1. */
  load: number;
  /** Attaches that wait for their turn. */
  waitingAttaches: number;
  calls: number;
  /** What is allowed now, by the operator or by what the host can carry. */
  maxCalls: number;
  maxMbps: number;
  /** Rules of `--allow` and `--deny` in force. */
  accessRules: { allow: number; deny: number };
  pendingFlows: number;
  /** Of `calls`, those over other supernodes too; and of those, the ones between two other supernodes. */
  overlayCalls: number;
  transitCalls: number;
  /** Presence records that it keeps for others, and lookups of its softphones that wait for such keepers. */
  indexRecords: number;
  indexLookups: number;
  /** Flows of softphones to themselves. */
  loopFlows: number;
  forwardedDatagrams: number;
  forwardedBytes: number;
  /** Relayed in this calendar month (UTC), and how much may be; null without a limit. */
  monthBytes: number;
  maxMonthBytes: number | null;
  /** Supernodes that are linked, connections for that (those of strangers too), and supernodes that cannot be reached. */
  links: { linked: number; connections: number; dead: number; measurementRows: number };
  /** Supernodes that links are held to; round trip and loss as measured over UDP. */
  neighbours: NeighbourStatus[];
  /** What the link server counted, and messages between supernodes that were refused or did not leave, by code. */
  linkCounts: Record<string, number>;
  stunAnswers: number;
  /** What came of dial-backs that other supernodes asked for. */
  dialBacks: Record<string, number>;
  /** Probes sent to addresses that another supernode vouched for. */
  stunProbes: number;
  /** Datagrams dropped, by reason. */
  dropped: Record<string, number>;
  /** Control messages refused, by code. */
  refused: Record<string, number>;
  udpSockets: Record<string, number>;
  controlServer: Record<string, number>;
  /** Open WebSockets for datagrams. */
  datagramConnections: number;
  datagramServer: Record<string, number>;
}
