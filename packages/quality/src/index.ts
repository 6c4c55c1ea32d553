/** How good a call is: a rating from delay and loss, and how alike two recordings of speech are. Pure. */
export * from './e-model.ts';
export { melSpectrogram } from './mel-spectrogram.ts';
export * from './path-rating.ts';
export * from './speech-similarity.ts';
export * from './words-heard.ts';
