import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DatagramType,
  MAX_DATAGRAM_BYTES,
  MEDIA_HEADER_BYTES,
  readMediaHeader,
  TAG_BYTES,
  writeMedia,
} from './datagram.ts';

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const uint16 = fc.integer({ min: 0, max: 0xffff });
const sealed = fc.uint8Array({ minLength: TAG_BYTES, maxLength: MAX_DATAGRAM_BYTES - MEDIA_HEADER_BYTES });

describe('datagram types', () => {
  it('lie within 4..15, clear of STUN, ZRTP, DTLS, TURN channels, RTP and QUIC', () => {
    const types = Object.values(DatagramType);
    expect(new Set(types).size).toBe(types.length);
    for (const type of types) expect(type >= 4 && type <= 15).toBe(true);
  });
});

describe('media', () => {
  it('is laid out as documented', () => {
    const datagram = writeMedia(0x89abcdef, 0x1234, new Uint8Array(17).fill(0xee));
    expect(Buffer.from(datagram).toString('hex')).toBe(`0489abcdef1234${'ee'.repeat(17)}`);
  });

  it('is 114 bytes in IPv4 for 60 bytes of Opus: SRTP in TURN ChannelData is 120', () => {
    const ipAndUdp = 28;
    expect(ipAndUdp + writeMedia(1, 1, new Uint8Array(3 + 60 + TAG_BYTES)).length).toBe(114);
    const [channelData, rtp, srtpTag] = [4, 12, 16];
    expect(ipAndUdp + channelData + rtp + 60 + srtpTag).toBe(120);
  });

  it('is read back', () => {
    fc.assert(
      fc.property(uint32, uint16, sealed, (flowId, counterLow, bytes) => {
        const datagram = writeMedia(flowId, counterLow, bytes);
        expect(readMediaHeader(datagram)).toEqual({ flowId, counterLow });
        expect(datagram.subarray(MEDIA_HEADER_BYTES)).toEqual(bytes);
      }),
    );
  });

  it('has a smallest and a largest size', () => {
    const of = (length: number) => {
      const datagram = new Uint8Array(length);
      datagram[0] = DatagramType.Media;
      return readMediaHeader(datagram);
    };
    expect(of(22)).toBeNull();
    expect(of(23)).not.toBeNull();
    expect(of(1232)).not.toBeNull();
    expect(of(1233)).toBeNull();
  });

  it('is told from anything else without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1300 }), (datagram) => {
        const header = readMediaHeader(datagram);
        if (datagram[0] !== DatagramType.Media) expect(header).toBeNull();
      }),
      { numRuns: 1000 },
    );
  });
});
