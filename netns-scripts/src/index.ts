export { placeCall, startListener } from './calls/place-call.ts';
export type { CallReport } from './calls/report.ts';
export type { Capture, CaptureOptions } from './capture.ts';
export { checkLab, type Impossible, isLabRequired, type LabCheck } from './check.ts';
export { natsOf } from './doctor/doctor-truth.ts';
export { type Examination, examineNetwork } from './doctor/examine-network.ts';
export { LabError, type LabErrorCode } from './errors.ts';
export { type Lab, startLab } from './lab.ts';
export { labStage, openBestStage, openLabStage } from './lab-stage.ts';
export { directionsOf } from './links/directions.ts';
export { Link, LinkDirection, NodeLink } from './links/link-spec.ts';
export { withLinks } from './links/with-links.ts';
export { readKinds } from './matrix/kinds.ts';
export { type MatrixResult, runMatrix } from './matrix/run-matrix.ts';
export { NAT_KINDS, natPair } from './nat-pair.ts';
export { canPunch, NAT_KIND_NAMES, type NatKind, natKindNamed, pairScenario } from './nat-pairs.ts';
export type { PortMappingBehaviour } from './port-mapping/judge.ts';
export type { PortMappingProtocol } from './port-mapping/port-mapping-spec.ts';
export type { NatBehaviour } from './probe/judge.ts';
export type { Proof } from './probe/prove.ts';
export { type RunResult, runScenario } from './run.ts';
export { loadScenario, shippedScenarios } from './scenarios.ts';
export { readScenario } from './spec/read.ts';
export {
  checkSpec,
  type DropSpec,
  type FirewallSpec,
  type HostSpec,
  INTERNET,
  type LabEvent,
  LabSpec,
  type NatSpec,
  type ProgramSpec,
  scenarioSchema,
  type TimedEvent,
} from './spec.ts';
