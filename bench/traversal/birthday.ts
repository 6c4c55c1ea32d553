/** What chance alone says of a birthday spray: one side opens ports, the other probes for them. */

export interface BirthdaySpray {
  /** So many ports the NAT may give, each as likely as any other. */
  ports: number;
  /** When each socket has got its port, ms. */
  openAtMs: readonly number[];
  /** When each probe arrives, ms, in order; no port is probed twice. */
  probeAtMs: readonly number[];
}

/** The share of sprays in which something was hit by the time of each probe. */
export function hitShares({ ports, openAtMs, probeAtMs }: BirthdaySpray): number[] {
  // How many probes come too early for each socket.
  const inVain = openAtMs.map((openMs) => {
    const first = probeAtMs.findIndex((probeMs) => probeMs >= openMs);
    return first < 0 ? probeAtMs.length : first;
  });
  return probeAtMs.map((_, index) => {
    let missed = 1;
    for (const early of inVain) missed *= 1 - Math.max(0, index + 1 - early) / ports;
    return 1 - missed;
  });
}

/** When that share of all sprays has hit something, ms; Infinity when so many never do. */
export function hitAtMs(spray: BirthdaySpray, share: number): number {
  const index = hitShares(spray).findIndex((hit) => hit >= share);
  return index < 0 ? Number.POSITIVE_INFINITY : spray.probeAtMs[index]!;
}

/** Times of packets that go out in ticks of 10 ms, so many in each. */
export const evenly = (count: number, perTick: number): number[] =>
  Array.from({ length: count }, (_, index) => 10 * Math.floor(index / perTick));
