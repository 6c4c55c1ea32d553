/** [address, port] */
export type Endpoint = readonly [address: string, port: number];

/** From inside: "answer me from these of your endpoints, in this order". Indices into {@link responderEndpoints}. */
export interface ProbeRequest {
  id: number;
  answerFrom: number[];
}

/** An answer; it says where the request seemed to come from. */
export interface ProbeAnswer {
  id: number;
  /** Which endpoint of the responder this comes from. */
  from: number;
  seenAs: Endpoint;
}

/** What was measured from inside one NAT, before anything is concluded from it. */
export interface Measurement {
  /** Outside endpoints of one socket, as the first three of the responder's endpoints saw them. */
  sameSocket: Endpoint[];
  /** Outside endpoint of a second socket, opened after that. */
  other: Endpoint;
  /** Whether answers came in from where the socket had sent nothing. */
  passed: { otherPort: boolean; otherAddress: boolean };
  /** Inside and outside ports of sockets that were opened one after the other. */
  fresh: { inside: number; outside: number }[];
  /** Whether one socket reached another one through its outside endpoint. */
  hairpin: boolean;
}

/** RFC 5780 section 4: two addresses, two ports. The fourth combination would tell nothing more. */
export const responderEndpoints = ([first, second]: readonly string[]): readonly Endpoint[] => [
  [first!, 3478],
  [first!, 3479],
  [second!, 3478],
];
