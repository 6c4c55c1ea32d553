import type { FrameDecoder, FrameEncoder } from '@overcall/media';
import { opusPacketFrames } from '@overcall/wire';

/** TOC bytes of one CELT frame of 20 ms at code 3, which says how many there are (RFC 6716, 3.1). */
const TOC_CODE_3 = (31 << 3) | 3;

/** Packets of the right size and length, with nothing in them: for tests of everything around the codec. */
export class FakeEncoder implements FrameEncoder {
  #bitrateBps = 24_000;
  encode(frame: Int16Array): Uint8Array {
    const packet = new Uint8Array(Math.floor((this.#bitrateBps * frame.length) / 48_000 / 8));
    packet[0] = TOC_CODE_3;
    packet[1] = frame.length / 960;
    return packet;
  }
  setBitrate(bitrateBps: number): void {
    this.#bitrateBps = bitrateBps;
  }
  setFec(): void {}
}

export const fakeDecoder: FrameDecoder = {
  decode: (packet) => new Int16Array(960 * (opusPacketFrames(packet) ?? 1)),
  conceal: () => new Int16Array(960),
  recover: () => null,
};
