/** Clocks of gateways are coarse and may run slow or fast by so much: RFC 6886 (3.6), RFC 6887 (8.5). */
const SLACK_S = 2;

/** Notices from the seconds that its answers carry that a gateway has started again and forgotten its mappings. */
export class GatewayEpoch {
  #last: { epochS: number; atMs: number } | null = null;

  /** Whether the gateway has started again since the answer before this one. */
  handleAnswer(epochS: number, nowMs: number): boolean {
    const last = this.#last;
    this.#last = { epochS, atMs: nowMs };
    if (last === null) return false;
    if (epochS < last.epochS - 1) return true;
    const ourS = (nowMs - last.atMs) / 1000;
    const theirsS = epochS - last.epochS;
    return ourS + SLACK_S < theirsS - theirsS / 16 || theirsS + SLACK_S < ourS - ourS / 16;
  }
}
