/** Microphones and speakers, through whatever program the system has. */
export * from './audio-program.ts';
export * from './device-events.ts';
export * from './device-trouble.ts';
export * from './devices-of-call.ts';
export * from './loop-delay.ts';
export * from './microphone.ts';
export * from './program-choice.ts';
export * from './speaker.ts';
