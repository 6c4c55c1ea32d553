import { canonicalUsername, type SigningPublicKey, safetyNumber } from '@overcall/identity';
import { monotonicMs } from '@overcall/net';
import { CallHistoryFile } from './call-history-file.ts';
import type { SoftphoneContext } from './commands/session.ts';
import { findUser } from './find-user.ts';
import type { MonitoredAudio } from './monitored-audio.ts';
import { Desk } from './phone/desk.ts';
import type { DeskAction } from './phone/desk-action.ts';
import type { Key } from './phone/key-reader.ts';
import { view } from './phone/view.ts';
import { PresenceWatch } from './presence-watch.ts';
import type { Ringer } from './ringer.ts';
import type { SoftphoneEvent } from './softphone-options.ts';
import { Terminal } from './terminal.ts';

/** Clock and meters move so often during a call, ms. */
const LIVE_INTERVAL_MS = 200;
/** More than any screen shows. */
const MAX_CHAT_LINES = 200;

/** Runs the desk of the interactive phone on a softphone and a terminal. */
export class InteractivePhone {
  readonly #context: SoftphoneContext;
  readonly #audio: MonitoredAudio;
  readonly #ringer: Ringer;
  readonly #history: CallHistoryFile;
  readonly #desk: Desk;
  readonly #terminal: Terminal;
  readonly #presence: PresenceWatch;
  readonly #liveTimer: NodeJS.Timeout;
  readonly #left = Promise.withResolvers<void>();
  /** The key whose safety number is on the screen: it is what gets verified. */
  #shownKey: { name: string; key: SigningPublicKey } | null = null;

  constructor(context: SoftphoneContext, audio: MonitoredAudio, ringer: Ringer) {
    const { home, profile, softphone } = context;
    this.#context = context;
    this.#audio = audio;
    this.#ringer = ringer;
    this.#history = new CallHistoryFile(home);
    this.#desk = new Desk(profile.name, this.#history.read());
    this.#desk.state.doNotDisturb = context.guard.doNotDisturb;
    this.#desk.setUnseen(context.messages.unseen());
    this.#refreshContacts();
    this.#terminal = new Terminal(process.stdin, process.stdout, {
      onKey: (key) => this.#handleKey(key),
      onResize: () => this.#draw(),
    });
    this.#presence = new PresenceWatch({
      // Whom no supernode can be asked about is not away.
      names: () =>
        softphone.attachedTo.length === 0 ? [] : this.#desk.state.contacts.map(({ name }) => name),
      // Our supernodes ask for us: to attach to others for each contact who is not there would be a crowd of visits.
      isAttached: async (name) => (await softphone.findEndpoints(name, false)).length > 0,
      onPresence: (name, attached) => {
        this.#desk.setPresence(name, attached);
        this.#draw();
      },
      now: monotonicMs,
    });
    softphone.on('event', (event) => this.#handleEvent(event));
    this.#liveTimer = setInterval(() => this.#handleTick(), LIVE_INTERVAL_MS);
    this.#terminal.open();
    this.#draw();
  }

  /** Resolves when somebody wants to leave. */
  get left(): Promise<void> {
    return this.#left.promise;
  }

  /** Gives the terminal back. */
  close(): void {
    clearInterval(this.#liveTimer);
    this.#presence.stop();
    this.#terminal.close();
  }

  notice(text: string): void {
    this.#desk.notice(text, Date.now());
    this.#draw();
  }

  #refreshContacts(): void {
    const { contacts, blocked } = this.#context;
    const known = new Map(Object.entries(contacts.all()).map(([name, { verified }]) => [name, verified]));
    const isBlocked = new Set(blocked.names);
    // Who wrote is to be found, to be answered.
    const names = new Set([...known.keys(), ...isBlocked, ...this.#desk.state.unseen.keys()]);
    this.#desk.setContacts(
      [...names].map((name) => ({
        name,
        verified: known.get(name) ?? false,
        blocked: isBlocked.has(name),
      })),
    );
  }

  #handleEvent(event: SoftphoneEvent): void {
    this.#desk.handleEvent(event, Date.now());
    // Whom one calls has become a contact by now.
    if (['ringing', 'ended', 'message'].includes(event.event)) this.#refreshContacts();
    this.#settle();
  }

  #handleKey(key: Key): void {
    this.#desk.handleKey(key, Date.now());
    this.#settle();
  }

  #handleTick(): void {
    const { state } = this.#desk;
    this.#desk.handleTimeout(Date.now());
    if (state.call !== null) {
      this.#desk.setLevels(this.#audio.levels);
      this.#settle();
    }
  }

  #settle(): void {
    for (const action of this.#desk.poll()) {
      try {
        this.#carryOut(action);
      } catch (error) {
        this.#desk.notice((error as Error).message, Date.now());
      }
    }
    this.#draw();
  }

  #draw(): void {
    const { columns, rows } = this.#terminal;
    this.#terminal.draw(view(this.#desk.state, columns, rows, Date.now()));
  }

  #carryOut(action: DeskAction): void {
    const { softphone, blocked } = this.#context;
    switch (action.do) {
      case 'call':
        this.#call(action.to);
        break;
      case 'accept':
        softphone.accept(action.callId);
        break;
      case 'decline':
        softphone.decline(action.callId);
        break;
      case 'hangup':
        softphone.hangUp(action.callId);
        break;
      case 'mute':
        softphone.toggleMute(action.callId);
        break;
      case 'hold':
        softphone.toggleHold(action.callId);
        break;
      case 'do-not-disturb':
        softphone.setDoNotDisturb(action.on);
        break;
      case 'block':
        if (action.on) blocked.add(action.name, Date.now());
        else blocked.remove(action.name);
        this.#refreshContacts();
        break;
      case 'open-chat':
        this.#openChat(action.name);
        break;
      case 'message':
        softphone.message(action.to, action.text);
        this.#openChat(action.to);
        break;
      case 'ask-safety':
        void this.#askSafety(action.name);
        break;
      case 'mark-verified':
        this.#markVerified(action.name);
        break;
      case 'remember':
        this.#history.add(action.call);
        break;
      case 'bell':
        if (!this.#ringer.isRinging) this.#terminal.bell();
        break;
      case 'redraw':
        this.#terminal.redraw();
        break;
      case 'quit':
        this.#left.resolve();
        break;
      case 'keys':
        softphone.pressKeys(action.callId, action.keys);
        break;
    }
  }

  #call(typed: string): void {
    const { softphone, profile } = this.#context;
    const name = canonicalUsername(typed);
    if (name === profile.name) this.#desk.notice(`${name} is yourself`, Date.now());
    else softphone.call(name);
  }

  #openChat(name: string): void {
    const { messages } = this.#context;
    // That it was seen is no great loss.
    messages.markSeen(name).catch(() => {});
    this.#desk.setChat(name, messages.list(name, MAX_CHAT_LINES));
    this.#desk.setUnseen(messages.unseen());
  }

  async #askSafety(name: string): Promise<void> {
    const { softphone, profile } = this.#context;
    try {
      const { identityKey: key } = await findUser(softphone, profile, name);
      this.#shownKey = { name, key };
      const ours = { name: profile.name, key: profile.keys.identity };
      this.#desk.setSafetyNumber(name, safetyNumber(ours, { name, key }));
    } catch (error) {
      this.#desk.notice((error as Error).message, Date.now());
      this.#desk.setSafetyNumber(name, null);
    }
    this.#settle();
  }

  #markVerified(name: string): void {
    if (this.#shownKey?.name !== name) return;
    this.#context.contacts.save(name, { key: this.#shownKey.key, verified: true, since: Date.now() });
    this.#refreshContacts();
  }
}
