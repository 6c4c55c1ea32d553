/** Sound: recordings in and out, Opus, the jitter buffer and playout. Decisions are pure; files are not. */
export * from './audio-format.ts';
export * from './audio-spec.ts';
export * from './devices/index.ts';
export * from './mouth-to-ear.ts';
export * from './opus-decoder.ts';
export * from './opus-encoder.ts';
export * from './pacer.ts';
export * from './sinks.ts';
export * from './sources.ts';
export * from './voice/frame-number.ts';
export * from './voice/jitter-buffer.ts';
export * from './voice/playout.ts';
export * from './voice/rate-control.ts';
export * from './voice/send-mode.ts';
export * from './voice/voice-sender.ts';
export * from './wav-reader.ts';
export * from './wav-writer.ts';
