/**
 * The E-model of ITU-T G.107 (06/2015): from what was measured on a call to a rating R (0..100) and from that to a mean
 * opinion score. A planning model: its result is an estimate, not a listening test. It knows narrowband
 * telephony (best case R = 93.2, MOS 4.41), so wideband Opus is rated no better than a good telephone.
 *
 * Only delay and loss vary in Overcall; everything about telephone sets and rooms has G.107's default values
 * (table 2): SLR 8, RLR 2, STMR 15, LSTR 18 dB, Ds 3, Ps = Pr = 35 dB(A), Nc -70 dBm0p, Nfor -64 dBmp, qdu 1, A 0.
 */
export interface CallConditions {
  /** One way, mouth to ear: capture, coding, network, jitter buffer. */
  delayMs: number;
  /** Frames that were neither received in time nor recovered, in percent. */
  lossPct: number;
  /** G.107, 7.5: 1 for random loss, above 1 for bursts (mean burst over that of random loss). */
  burstRatio?: number;
  codec?: CodecImpairment;
  echo?: EchoLoss;
}

interface CodecImpairment {
  /** Equipment impairment factor without loss. */
  ie: number;
  /** Packet-loss robustness factor. */
  bpl: number;
}

interface EchoLoss {
  /** Talker echo loudness rating, dB. */
  telrDb: number;
  /** Weighted echo path loss, dB. */
  weplDb: number;
}

/**
 * G.107, 7.5: mean length of the bursts that were observed over that of random loss, which is 1 / (1 - loss). 1 without bursts; G.107, table 2,
 * permits 1 to 8.
 */
export function burstRatio({ lost, bursts, of }: { lost: number; bursts: number; of: number }): number {
  if (bursts <= 0 || of <= 0) return 1;
  return Math.min(MAX_BURST_RATIO, Math.max(1, (lost / bursts) * (1 - Math.min(1, lost / of))));
}

const MAX_BURST_RATIO = 8;

export interface Rating {
  r: number;
  mos: number;
}

/**
 * Opus at 24 kbit/s. G.113 gives it no values. Ie = 0: in listening tests (Raemoe and Toukomaa, "Voice quality
 * characterization of IETF Opus codec", Interspeech 2011) it is above narrowband telephony at this rate, which is the top of this
 * scale. Bpl = 10: G.113, appendix I, for GSM-EFR, which also conceals frames of 20 ms; for Opus a cautious guess.
 */
const OPUS_IMPAIRMENT: CodecImpairment = { ie: 0, bpl: 10 };

/** G.107, table 2. */
const DEFAULT_ECHO: EchoLoss = { telrDb: 65, weplDb: 110 };

/** Rates a call; see {@link CallConditions}. Values out of range are brought into it. */
export function estimateMos(conditions: CallConditions): Rating {
  const delayMs = Math.max(0, conditions.delayMs);
  const lossPct = Math.min(100, Math.max(0, conditions.lossPct));
  const echo = conditions.echo ?? DEFAULT_ECHO;
  const is = simultaneousImpairment(delayMs, echo);
  const id = delayImpairment(delayMs, echo);
  const codec = conditions.codec ?? OPUS_IMPAIRMENT;
  const r = RO - is - id - equipmentImpairment(codec, lossPct, conditions.burstRatio ?? 1);
  return { r: Math.min(100, Math.max(0, r)), mos: mosOf(r) };
}

/** Mean opinion score of a rating: G.107, annex B. */
export function mosOf(r: number): number {
  if (r <= 0) return 1;
  if (r >= 100) return 4.5;
  // The polynomial dips below 1 for R < 6.5.
  return Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

const SLR = 8;
const RLR = 2;
const OLR = SLR + RLR;
const STMR = 15;
const LSTR = 18;
const ROOM_NOISE = 35; // Ps and Pr, dB(A)
const QDU = 1;
/** G.107, 7.4: minimum perceivable delay, and the sensitivity of an ordinary conversation. */
const MIN_PERCEIVED_DELAY_MS = 100;
const DELAY_SENSITIVITY = 1;

const toPower = (db: number) => 10 ** (db / 10);
const toDb = (power: number) => 10 * Math.log10(power);

/** 7.2: No, the noise of circuit, rooms and floor, referred to the 0 dBr point. */
function noiseSum(): number {
  const circuit = -70;
  const sendRoom = ROOM_NOISE - SLR - 3 - 100 + 0.004 * (ROOM_NOISE - OLR - 3 - 14) ** 2;
  const receivedRoom = ROOM_NOISE + toDb(1 + toPower(10 - LSTR));
  const receiveRoom = RLR - 121 + receivedRoom + 0.008 * (receivedRoom - 35) ** 2;
  const floor = -64 + RLR;
  return toDb(toPower(circuit) + toPower(sendRoom) + toPower(receiveRoom) + toPower(floor));
}

const NOISE_DB = noiseSum();
/** 7.2: the basic signal-to-noise ratio. */
const RO = 15 - 1.5 * (SLR + NOISE_DB);
/** 7.3: Iolr and Iq, which neither delay nor echo change. */
const TOO_LOUD = tooLoud();
const QUANTIZING = quantizing();

function tooLoud(): number {
  const xolr = OLR + 0.2 * (64 + NOISE_DB - RLR);
  return 20 * ((1 + (xolr / 8) ** 8) ** (1 / 8) - xolr / 8);
}

function quantizing(): number {
  const q = 37 - 15 * Math.log10(QDU);
  const g = 1.07 + 0.258 * q + 0.0602 * q * q;
  return toDb(1 + 10 ** ((RO - 100) / 15 + 46 / 8.4 - g / 9) + 10 ** (46 / 30 - g / 40)) * 1.5;
}

/** 7.3: Is = Iolr + Ist + Iq (too loud, wrong sidetone, quantizing). */
function simultaneousImpairment(delayMs: number, echo: EchoLoss): number {
  const sidetone = -toDb(toPower(-STMR) + Math.exp(-delayMs / 4) * toPower(-echo.telrDb));
  const wrongSidetone =
    12 * (1 + ((sidetone - 13) / 6) ** 8) ** (1 / 8) -
    28 * (1 + ((sidetone + 1) / 19.4) ** 35) ** (1 / 35) -
    13 * (1 + ((sidetone - 3) / 33) ** 13) ** (1 / 13) +
    29;
  return TOO_LOUD + wrongSidetone + QUANTIZING;
}

/** 7.4: Id = Idte + Idle + Idd, with T = Ta and Tr = 2 T. */
function delayImpairment(delayMs: number, echo: EchoLoss): number {
  const terv =
    echo.telrDb -
    40 * Math.log10((1 + delayMs / 10) / (1 + delayMs / 150)) +
    6 * Math.exp(-0.3 * delayMs * delayMs);
  const talkerDifference = -1.5 * (NOISE_DB - RLR) - (80 + 2.5 * (terv - 14));
  const talkerEcho =
    (talkerDifference / 2 + Math.sqrt(talkerDifference ** 2 / 4 + 100) - 1) * (1 - Math.exp(-delayMs));
  const listenerDifference = RO - 10.5 * (echo.weplDb + 7) * (2 * delayMs + 1) ** -0.25;
  const listenerEcho = listenerDifference / 2 + Math.sqrt(listenerDifference ** 2 / 4 + 169);
  return talkerEcho + listenerEcho + absoluteDelayImpairment(delayMs);
}

/** 7.4, equation for Idd: too long even without echo. */
function absoluteDelayImpairment(delayMs: number): number {
  if (delayMs <= MIN_PERCEIVED_DELAY_MS) return 0;
  const x = Math.log2(delayMs / MIN_PERCEIVED_DELAY_MS);
  const power = 6 * DELAY_SENSITIVITY;
  return 25 * ((1 + x ** power) ** (1 / power) - 3 * (1 + (x / 3) ** power) ** (1 / power) + 2);
}

/** 7.5: Ie,eff. */
function equipmentImpairment({ ie, bpl }: CodecImpairment, lossPct: number, burstRatio: number): number {
  if (lossPct === 0) return ie;
  return ie + ((95 - ie) * lossPct) / (lossPct / Math.max(1, burstRatio) + bpl);
}
