const MODULUS = 0x10000;

/** The frame number nearest to `reference` whose low 16 bits are `low16`; never negative. */
export function extendFrameNumber(low16: number, reference: number): number {
  const ahead = (low16 - reference) & 0xffff;
  const nearest = reference + (ahead < MODULUS / 2 ? ahead : ahead - MODULUS);
  return nearest < 0 ? nearest + MODULUS : nearest;
}
