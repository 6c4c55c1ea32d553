import { addressBytes } from '@overcall/traversal';
import { SimError } from './errors.ts';

export interface IPv4Network {
  has(address: string): boolean;
}

/** @param text such as 192.168.1.0/24 @throws SimError `bad-network` */
export function parseNetwork(text: string): IPv4Network {
  const [address = '', prefix = ''] = text.split('/');
  const first = asNumber(address);
  const bits = Number(prefix);
  if (first === null || !/^\d+$/.test(prefix) || bits < 1 || bits > 32)
    throw new SimError('bad-network', `"${text}" is not an IPv4 network like 192.168.1.0/24`);
  const size = 2 ** (32 - bits);
  if (first % size !== 0)
    throw new SimError('bad-network', `"${text}" does not begin with the first address of its network`);
  const known = new Map<string, boolean>();
  return {
    has(other) {
      let answer = known.get(other);
      if (answer === undefined) {
        const number = asNumber(other);
        answer = number !== null && number >= first && number < first + size;
        known.set(other, answer);
      }
      return answer;
    },
  };
}

function asNumber(address: string): number | null {
  const bytes = addressBytes(address);
  return bytes?.length === 4 ? bytes.reduce((number, byte) => number * 256 + byte, 0) : null;
}
