"""When espeak-ng speaks each word of a text, as JSON: word-times.py VOICE PITCH WORDS-PER-MINUTE TEXT PAUSE-MS

By the word events of its library (speak_lib.h); PAUSE-MS of silence stand before the recording.
"""

import ctypes
import json
import sys

SYNCHRONOUS, WORD_EVENT, LAST_EVENT = 2, 1, 0
RATE, PITCH, UTF8 = 1, 3, 1


class Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


voice, pitch, words_per_minute, text, pause_ms = sys.argv[1:6]
library = ctypes.CDLL("libespeak-ng.so.1")
starts = []
samples = 0


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))
def handle(_wave, count, events):
    global samples
    samples += count
    at = 0
    while events[at].type != LAST_EVENT:
        if events[at].type == WORD_EVENT:
            starts.append((events[at].text_position - 1, events[at].length, events[at].sample))
        at += 1
    return 0


rate_hz = library.espeak_Initialize(SYNCHRONOUS, 0, None, 0)
library.espeak_SetSynthCallback(handle)
library.espeak_SetVoiceByName(voice.encode())
library.espeak_SetParameter(RATE, int(words_per_minute), 0)
library.espeak_SetParameter(PITCH, int(pitch), 0)
data = text.encode()
library.espeak_Synth(data, len(data) + 1, 0, 1, 0, UTF8, None, None)

ms = lambda sample: int(pause_ms) + round(1000 * sample / rate_hz)
ends = [sample for _, _, sample in starts[1:]] + [samples]
lines = [
    f'  {{ "word": {json.dumps(text[at : at + length])}, "startMs": {ms(start)}, "endMs": {ms(end)} }}'
    for (at, length, start), end in zip(starts, ends)
]
print("[\n" + ",\n".join(lines) + "\n]")
