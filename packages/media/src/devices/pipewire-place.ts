/**
 * Reads what `pw-link --links --monitor` prints: on which device a node is, told again whenever it is another one; null when it is on none
 * any more. First come the links that there are, each port followed by those it is linked to (`=   |<- mic:capture_MONO`), and then what
 * changes (`+ mic:capture_MONO -> node:input_MONO`, `-` likewise). Pure.
 */
export function pipewirePlaceReader(node: string): (line: string) => string | null | undefined {
  /** By port of the other side. */
  const links = new Set<string>();
  let told: string | null = null;
  let listed = '';

  const peerOf = (line: string): [sign: string, peer: string] | null => {
    const change = /^([+-]) (.+) -> (.+)$/.exec(line);
    if (change !== null) {
      const [, sign = '', from = '', to = ''] = change;
      if (nodeOf(from) === node) return [sign, to];
      return nodeOf(to) === node ? [sign, from] : null;
    }
    const listing = /^= {3}\|(?:->|<-) (.+)$/.exec(line);
    if (listing !== null) return nodeOf(listed) === node ? ['+', listing[1]!] : null;
    listed = /^= (.+)$/.exec(line)?.[1] ?? '';
    return null;
  };

  return (line) => {
    const found = peerOf(line);
    if (found === null) return undefined;
    const [sign, peer] = found;
    if (sign === '+') links.add(peer);
    else links.delete(peer);
    const place = [...links].map(deviceOf).at(-1) ?? null;
    if (place === told) return undefined;
    told = place;
    return place;
  };
}

/** Names of devices may have colons, those of ports have none. */
const nodeOf = (port: string): string => port.slice(0, port.lastIndexOf(':'));

/** What hears a speaker is called as PulseAudio calls it. */
const deviceOf = (port: string): string =>
  port.slice(port.lastIndexOf(':') + 1).startsWith('monitor') ? `${nodeOf(port)}.monitor` : nodeOf(port);
