export type { Capture, CaptureOptions } from './capture.ts';
export { checkLab, type Impossible, type LabCheck } from './check.ts';
export { LabError, type LabErrorCode } from './errors.ts';
export { type Lab, startLab } from './lab.ts';
export { directionsOf } from './links/directions.ts';
export { Link, LinkDirection, NodeLink } from './links/link-spec.ts';
export { withLinks } from './links/with-links.ts';
export { NAT_KINDS, type NatKind, natPair, PRESETS, type Preset } from './presets.ts';
export { checkSpec, type DropSpec, type HostSpec, INTERNET, LabSpec, type NatSpec } from './spec.ts';
