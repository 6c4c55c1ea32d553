/**
 * What a network looks like, in the words of the lab's scenario files (docs/nat-lab.md), so that one description drives
 * both. What has no counterpart there says so.
 */
export interface Scenario {
  name?: string;
  about?: string;
  hosts: HostSpec[];
  nats?: NatSpec[];
  firewalls?: FirewallSpec[];
  drop?: DropSpec[];
  links?: NodeLinkSpec[];
}

export interface HostSpec {
  name: string;
  address: string;
  /** The NAT in front of it; without one it stands on the public segment. */
  behind?: string;
  /** A native IPv6 address of its own; whoever it is behind routes it, and filters it as `filtering6` says. Sim only. */
  address6?: string;
}

export type Mapping = 'eim' | 'adm' | 'apdm';
export type Filtering = 'eif' | 'adf' | 'apdf';
export type Ports = 'preserve' | 'random' | 'sequential' | { sequential: number } | { block: number };

/** RFC 4787 words for a NAT's behaviour. */
export interface NatKind {
  /** Which flows share one outside port (section 4.1): all, those to one address, none. */
  mapping: Mapping;
  /** Who may send to that port (section 5): anyone, contacted addresses, contacted addresses and ports. */
  filtering: Filtering;
  /** The port a new mapping gets. Default `preserve`. */
  ports?: Ports;
  /** Hosts inside reach each other through its outside address (section 6). Default false. */
  hairpin?: boolean;
  /** Hosts inside cannot reach each other directly. Default false. */
  isolated?: boolean;
  /** Seconds without a packet after which a mapping dies. Default 120 (REQ-5). */
  lifetimeS?: number;
  /** Age at which a mapping dies whatever the traffic; takes the place of `lifetimeS`. */
  maxAgeS?: number;
  /** What becomes of packets that nobody asked for. Default `drop`. */
  inbound?: 'drop' | 'reject';
  /** A bare Linux router: an early probe pushes the mapping to another port. Only with `eim` and `preserve`. */
  poisonable?: boolean;
  /** Which native IPv6 packets come in, by the same words (RFC 6092). Default `apdf`. Sim only. */
  filtering6?: Filtering;
}

export interface NatSpec extends NatKind {
  name: string;
  /** Outside. */
  address: string;
  /** The network inside, say 192.168.1.0/24. The NAT itself takes its first address. */
  inside: string;
  behind?: string;
}

/** As in the lab, plus `stateful`: everything out, and in only what was contacted. */
export type FirewallKind = 'udp-blocked' | 'tcp-443-only' | '53-443-only' | 'http-connect-proxy' | 'stateful';

export interface FirewallSpec {
  /** The host or NAT whose way out it guards. */
  at: string;
  kind: FirewallKind;
}

/** What vanishes in the middle, in one direction. */
export interface DropSpec {
  /** A public node or `any`; a NAT stands for all behind it. */
  from: string;
  to: string;
  /** Default: both. The simulation has UDP only, so that a rule for `tcp` does nothing there. */
  protocol?: 'udp' | 'tcp';
  /** Destination port. */
  port?: number;
  /** Only datagrams with a longer payload vanish: a path for small ones. Sim only. */
  aboveBytes?: number;
}

export interface LinkDirectionSpec {
  /** One way. */
  delayMs?: number;
  /** The delay varies by up to this, uniformly; the packets of one flow keep their order. */
  jitterMs?: number;
  lossPct?: number;
  /** This share skips the delay, and so overtakes. */
  reorderPct?: number;
  /** This share arrives twice. */
  duplicatePct?: number;
  /** Larger IP packets vanish (a path MTU black hole). Sim only. */
  mtuBytes?: number;
}

/** Fields stand for both directions; those in `up` (from the node) and `down` (to it) win over them. */
export interface LinkSpec extends LinkDirectionSpec {
  up?: LinkDirectionSpec;
  down?: LinkDirectionSpec;
}

export interface NodeLinkSpec extends LinkSpec {
  node: string;
}
