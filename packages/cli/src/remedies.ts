import { OvercallError } from '@overcall/wire';
import { ExitCode } from './exit-code.ts';

/** What an error that a person may meet means for the exit code, and what to do next. */
export interface Remedy {
  readonly exit: number;
  /**
   * Stands behind the message, on the same line: `overcall: MESSAGE; NEXT`. `{command}` is the command that was typed.
   * An error may bring a better one for its own case (`remedy` of OvercallError).
   */
  readonly next: string;
  /** The message says it already, with what only its place knows (a package, a number of seconds, a list of choices). */
  readonly isInMessage?: true;
}

const { Error: error, Usage, Unreachable, NotAuthorised, NotDirect, Interrupted } = ExitCode;

const says = (exit: number, next: string): Remedy => ({ exit, next });
const CLOCKS = 'set the clocks of both machines; if that does not help, report it';
const inMessage = (exit: number, next: string): Remedy => ({ exit, next, isInMessage: true });

/**
 * The one table from which the command lines print and to which docs/errors.md is held, by code. A flag, value or
 * file that a person gave is usage (2); files that a program keeps itself (keys, state) are not (1).
 */
const TABLE = {
  // A flag, value or file that was given
  usage: says(Usage, 'see {command} --help'),
  'username-invalid': says(Usage, 'take 1 to 32 letters or digits of one script, with single . _ - between'),
  'bad-directory-url': says(Usage, 'write https://NAME or https://NAME#KEY'),
  'insecure-directory': says(Usage, 'do not go on; ask its operator'),
  'bad-proxy': says(Usage, 'mend https_proxy or http_proxy in the environment'),
  'bad-address': says(Usage, 'give one as {command} --help shows'),
  'bad-allow-net': says(Usage, 'write it as ADDRESS/BITS'),
  'bad-access-rule': says(Usage, '--allow and --deny take a username, a key id or a network'),
  'audio-spec-unknown': inMessage(Usage, 'use one of those that the line names'),
  'audio-program-unknown': inMessage(Usage, 'choose one of those that the line names'),
  'recording-missing': says(Usage, 'give the path of a file that exists'),
  'recording-unreadable': says(Usage, 'let this user read the file'),
  'recording-too-large': says(Usage, 'shorten it: ffmpeg -i FILE -t 3600 -ac 1 out.wav'),
  'recording-not-wav': says(Usage, 'convert it: ffmpeg -i FILE out.wav'),
  'recording-empty': says(Usage, 'give a recording with sound in it'),
  'recording-unwritable': says(Usage, 'choose a folder with room that exists and may be written'),
  'store-file-unusable': says(Usage, 'give a file that this user may read as creds= or ca= of --store'),
  'tls-file-unusable': says(Usage, 'give PEM files that belong together with --tls-cert and --tls-key'),
  'backup-unusable': says(Usage, 'give a file that overcall-directory backup wrote'),
  'export-unusable': says(Usage, 'give a file that overcall export wrote'),
  'passphrase-too-short': says(Usage, 'choose a longer one'),
  'file-exists': says(Usage, 'choose another name, or replace it with --force'),
  'control-unusable': says(Usage, 'choose a path that no running softphone and no other file has'),
  'message-invalid': says(Usage, 'shorten it, or send several'),

  // Nobody there
  'directory-unreachable': says(Unreachable, 'check its address, and your network with: overcall doctor'),
  'store-unreachable': says(Unreachable, 'start nats-server there, or mend --store'),
  'supernode-unreachable': says(Unreachable, 'overcall doctor says whether this network stands in the way'),
  'supernode-certificate-differs': says(
    Unreachable,
    'try another network: something may answer in its place',
  ),
  'no-supernodes': says(Unreachable, 'start one: overcall-supernode run'),
  draining: says(Unreachable, 'try again later, or use another supernode'),
  overloaded: says(Unreachable, 'try again in some minutes'),
  'too-many-endpoints': says(Unreachable, 'end one of your other softphones'),
  'not-ready': says(Unreachable, 'try again in a minute'),
  'list-expired': says(Unreachable, 'tell the operator of the supernode'),
  'not-listed': says(Unreachable, 'tell the operator of the supernode'),
  'unknown-user': says(Unreachable, 'check the spelling; they register at the same directory'),
  'not-attached': says(Unreachable, 'try again when their softphone runs'),
  'rate-limited': inMessage(error, 'wait as long as the line says'),

  // Not authorised
  'store-not-allowed': says(NotAuthorised, 'give --store a user, or creds=FILE, that the server lets in'),
  'certificate-invalid': says(NotAuthorised, 'do not trust it; for one of your own, register again'),
  'certificate-expired': says(
    NotAuthorised,
    'set the clock, bring the directory within reach, and try again',
  ),
  'certificate-early': says(NotAuthorised, CLOCKS),
  'certificate-wrong-directory': says(NotAuthorised, 'use that directory, or another --home'),
  'certificate-conflict': says(NotAuthorised, 'do not call; ask the person, and compare by overcall verify'),
  'directory-key-changed': says(NotAuthorised, 'ask its operator; pin a new key as URL#KEY in a new --home'),
  'contact-key-changed': says(NotAuthorised, 'ask the person, and compare anew: overcall verify NAME'),
  'safety-number-differs': says(NotAuthorised, 'compare again; if it still differs, somebody is in between'),
  'passphrase-wrong': says(NotAuthorised, 'try again, or give an undamaged copy'),
  'device-revoked': says(NotAuthorised, 'make a new device: overcall import FILE --home DIR'),
  'not-allowed': says(NotAuthorised, 'ask the operator of the supernode, or use another one'),
  'refused-address': says(NotAuthorised, 'ask the operator of the supernode, or try another network'),
  'registration-closed': says(NotAuthorised, 'ask the operator of the directory'),
  'invite-needed': says(NotAuthorised, 'ask the operator for one, and give it as --invite CODE'),
  'invite-invalid': says(NotAuthorised, 'ask the operator for a new one, and give it as --invite CODE'),
  'approval-needed': says(NotAuthorised, 'when it is done, start again'),
  'supernode-removed': says(NotAuthorised, 'ask the operator of the directory'),

  // Files and keys of one's own
  'not-registered': says(error, 'register: overcall register NAME --directory URL'),
  'already-registered': says(error, 'use another --home for another name'),
  'name-taken': says(error, 'choose another name'),
  'key-taken': says(error, 'use that name, or another --home for another one'),
  'key-file-open': says(error, 'close it to others: chmod 600 FILE'),
  'key-file-unreadable': says(error, 'let this user read it, or use another folder'),
  'key-file-damaged': says(error, 'put back a copy or a backup'),
  'agreement-key-invalid': says(error, 'put back a copy, or make a new device: overcall import FILE'),
  'tls-files-damaged': says(error, 'delete both; they are made anew'),
  'state-damaged': says(error, 'put back a copy, or delete it'),
  'messages-unusable': says(error, 'put back a copy, or move it away; the messages in it are lost then'),
  'state-unreadable': says(error, 'let this user read it'),
  'state-unwritable': says(error, 'let this user write there, and look whether the disk is full'),
  'data-dir-unusable': says(error, 'give a folder that this user may write, with --data'),
  'data-dir-in-use': says(error, 'stop that one, or use another --data'),
  'database-unusable': says(error, 'look at disk and permissions, else: overcall-directory restore FILE'),
  'no-directory': says(error, 'name its folder with --data, or start overcall-directory run'),
  'backup-failed': says(error, 'choose a place with room that may be written'),

  // This machine
  'port-in-use': says(error, 'stop the other program, or choose another port'),
  'cannot-listen': says(error, 'listen on an address of this machine, and a port above 1023 unless root'),
  'audio-device-missing': inMessage(
    error,
    'install the package that the line names, or give --play and --record',
  ),
  'host-unfit': inMessage(error, 'give it what the line says is too little'),
  'clock-wrong': inMessage(error, 'set the clock: timedatectl set-ntp true'),
  'not-reachable': inMessage(
    error,
    'open the port that the line names in firewall and router, for UDP and TCP',
  ),
  'output-unwritable': says(error, 'make room on the disk, or write elsewhere'),
  'list-full': says(error, 'tell the operator of the directory'),

  // In a call
  'no-path': says(
    Unreachable,
    'call again in a moment; overcall doctor at both ends says what stands against it',
  ),
  'not-direct': says(NotDirect, 'overcall doctor at both ends says what stands against it'),
  'no-common-version': says(error, 'bring the older softphone up to date'),
  version: says(error, 'bring the older side up to date'),
  'call-in-progress': says(error, 'hang up first'),
  'no-such-call': says(error, 'nothing is left to do'),
  'caller-blocked': says(error, 'to let them in: overcall contacts unblock NAME'),
  'too-many-blocked': says(error, 'unblock some, or let in contacts only: --allow-calls contacts'),
  'too-many-messages': says(error, 'try again in a moment'),
  interrupted: says(Interrupted, 'start again when you like'),

  // The operator of a directory
  'store-other-key': says(error, 'copy key.json of that directory into --data'),
  'store-without-jetstream': says(error, 'switch it on: nats-server -js -sd FOLDER'),
  'store-unusable': says(error, 'mend it there, or name another one with --store'),
  'unknown-supernode': says(error, 'see who asked: overcall-directory supernodes'),

  // Seen only when somebody lies, a clock is wrong, or a program is
  'signature-invalid': says(error, CLOCKS),
  'signature-expired': says(error, CLOCKS),
  'signature-early': says(error, CLOCKS),
  'signature-wrong-audience': says(error, CLOCKS),
  'stale-proof': says(error, CLOCKS),
  'presence-mismatch': says(error, CLOCKS),
} as const satisfies Readonly<Record<string, Remedy>>;

export const REMEDIES: ReadonlyMap<string, Remedy> = new Map(Object.entries(TABLE));

/** What a command ends with that this error ended. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof OvercallError)) return ExitCode.Error;
  return REMEDIES.get(error.code)?.exit ?? ExitCode.Error;
}
